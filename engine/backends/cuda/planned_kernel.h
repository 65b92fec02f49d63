#pragma once
// A step whose kernel is not in libnestor_cuda yet: it can be planned and not run.

#include "engine/backends/cuda/cuda_kernel.h"

namespace nestor::cuda {

class PlannedKernel : public Kernel {
 public:
  using Kernel::Kernel;

 private:
  DeviceStatus launch(const DeviceLibrary&, Stream) override {
    return {DeviceCode::kInvalidArgument, "this step has no kernel yet"};
  }
};

}  // namespace nestor::cuda
