#pragma once
// What bindings make their steps of.

#include <string>

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/graph/graph.h"
#include "kernels/device/storage.h"

namespace nestor::cuda {

class Kernel : public StepKernel {
 public:
  // `name`: of the node, for messages.
  Kernel(CudaBackend& backend, std::string name) : backend_(backend), name_(std::move(name)) {}

  void load(const Constants&, std::span<const ValueId>) override {}
  void bind(const StepPointers& pointers) final;
  void run(ExecutionContext& context) final;

  template <class T>
  T* input(std::size_t idx) const {
    return static_cast<T*>(pointers_.inputs[idx]);
  }
  template <class T>
  T* output() const {
    return static_cast<T*>(pointers_.outputs[0]);
  }

 protected:
  // Gives the step's work to the stream.
  virtual DeviceStatus launch(const DeviceLibrary& library, Stream stream) = 0;

  CudaBackend& backend() const { return backend_; }
  void* workspace() const { return pointers_.workspace; }

  // A constant as one array on the device, padded with zeros to `padded` elements.
  std::shared_ptr<const Memory> array(const Constants& constants, ValueId id, std::int64_t padded,
                                      DeviceDType dtype = DeviceDType::kFloat32);

 private:
  CudaBackend& backend_;
  std::string name_;
  StepPointers pointers_;
};

// A step without constants: the launcher's arguments, and where they take the step's pointers.
template <class Args>
class SimpleKernel final : public Kernel {
 public:
  using Point = void (*)(Args& args, const Kernel& step);

  SimpleKernel(CudaBackend& backend, std::string name, Launcher<Args> DeviceLibrary::*launcher,
               const Args& args, Point point)
      : Kernel(backend, std::move(name)), launcher_(launcher), args_(args), point_(point) {}

 private:
  DeviceStatus launch(const DeviceLibrary& library, Stream stream) override {
    point_(args_, *this);
    return (library.*launcher_)(args_, stream);
  }

  Launcher<Args> DeviceLibrary::*launcher_;
  Args args_;
  Point point_;
};

inline DeviceDType device_dtype(Precision precision) {
  return precision == Precision::kFp16 ? DeviceDType::kFloat16 : DeviceDType::kFloat32;
}

}  // namespace nestor::cuda
