#pragma once
// What bindings derive their steps from.
//
//   class ReluKernel : public cuda::Kernel {
//     using Kernel::Kernel;
//     DeviceStatus launch(const DeviceLibrary& library, Stream stream) override {
//       return library.relu({...}, stream);
//     }
//   };

#include <string>

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/graph/graph.h"

namespace nestor::cuda {

class Kernel : public StepKernel {
 public:
  // `name`: of the node, for messages.
  Kernel(CudaBackend& backend, std::string name) : backend_(backend), name_(std::move(name)) {}

  void load(const Constants&, std::span<const ValueId>) override {}
  void bind(const StepPointers& pointers) final;
  void run(ExecutionContext& context) final;

 protected:
  // Gives the step's work to the stream.
  virtual DeviceStatus launch(const DeviceLibrary& library, Stream stream) = 0;

  CudaBackend& backend() const { return backend_; }
  const std::string& name() const { return name_; }
  void* input(std::size_t idx) const { return pointers_.inputs[idx]; }
  void* output() const { return pointers_.outputs[0]; }
  void* workspace() const { return pointers_.workspace; }

  // A constant input as one array on the device: float32, or float16 where `half`, padded with
  // zeros to `padded` elements.
  std::shared_ptr<const Memory> vector(const Constants& constants, ValueId id, std::int64_t padded,
                                       bool half = false);

 private:
  CudaBackend& backend_;
  std::string name_;
  StepPointers pointers_;
};

}  // namespace nestor::cuda
