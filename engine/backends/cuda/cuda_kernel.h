#pragma once
// What bindings make their steps of.

#include <functional>
#include <string>
#include <vector>

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/graph/graph.h"
#include "kernels/device/counted_rows.h"
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
  T* output(std::size_t idx = 0) const {
    return static_cast<T*>(pointers_.outputs[idx]);
  }

  // Of the first input and the first output, of which an image has `per_image`.
  CountedRows counted_rows(int per_image) const {
    return {static_cast<const std::int32_t*>(pointers_.count), per_image};
  }

  CudaBackend& backend() const { return backend_; }

  // A constant as one array on the device, padded with zeros to `padded` elements.
  std::shared_ptr<const Memory> array(const Constants& constants, ValueId id, std::int64_t padded,
                                      DeviceDType dtype = DeviceDType::kFloat32);

  // Keeps a constant for as long as the step lives.
  template <class T>
  const T* keep(std::shared_ptr<const Memory> constant) {
    kept_.push_back(std::move(constant));
    return static_cast<const T*>(kept_.back()->get());
  }

 protected:
  // Gives the step's work to the stream.
  virtual DeviceStatus launch(Stream stream) = 0;

  void* workspace() const { return pointers_.workspace; }

 private:
  CudaBackend& backend_;
  std::string name_;
  StepPointers pointers_;
  std::vector<std::shared_ptr<const Memory>> kept_;
};

// A step of one launch: the launcher, its arguments, and how they take the step's pointers and
// constants.
template <class Args>
class SimpleKernel : public Kernel {
 public:
  using Point = void (*)(Args& args, const Kernel& step);
  using Load = std::function<void(Args& args, Kernel& step, const Constants& constants,
                                  std::span<const ValueId> inputs)>;

  SimpleKernel(CudaBackend& backend, std::string name, std::string_view launcher, const Args& args,
               Point point, Load load = {})
      : Kernel(backend, std::move(name)),
        launcher_(backend.launcher<Args>(launcher)),
        args_(args),
        point_(point),
        load_(std::move(load)) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    if (load_) load_(args_, *this, constants, inputs);
  }

 private:
  DeviceStatus launch(Stream stream) override {
    point_(args_, *this);
    return launcher_(args_, stream);
  }

  Launcher<Args> launcher_;
  Args args_;
  Point point_;
  Load load_;
};

// The pointers of arguments that have a src and a dst, and no others.
template <class Args>
void src_to_dst(Args& args, const Kernel& step) {
  args.src = static_cast<decltype(args.src)>(step.input<void>(0));
  args.dst = static_cast<decltype(args.dst)>(step.output<void>());
}

inline DeviceDType device_dtype(Precision precision) {
  return precision == Precision::kFp16 ? DeviceDType::kFloat16 : DeviceDType::kFloat32;
}

}  // namespace nestor::cuda
