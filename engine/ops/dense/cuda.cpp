#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "kernels/dense/dense.h"

namespace nestor {

namespace {

class DenseKernel final : public cuda::Kernel {
 public:
  DenseKernel(CudaBackend& backend, std::string name, const DenseArgs& args)
      : Kernel(backend, std::move(name)), args_(args) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    weight_ = array(constants, inputs[1], std::int64_t{args_.k} * args_.c, args_.dtype);
    bias_ = array(constants, inputs[2], args_.k);
    args_.weight = weight_->get();
    args_.bias = static_cast<const float*>(bias_->get());
  }

 private:
  DeviceStatus launch(const DeviceLibrary& library, Stream stream) override {
    args_.src = input<float>(0);
    args_.dst = output<float>();
    return library.dense(args_, stream);
  }

  DenseArgs args_;
  std::shared_ptr<const cuda::Memory> weight_, bias_;
};

// On float32 vectors; weights in the plan's precision.
StepChoice dense(const StepRequest& request, CudaBackend& backend) {
  constexpr int kOutputsPerBlock = 16, kImagesPerBlock = 4;
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  if (src[1] % 8 != 0) return {};
  StepChoice choice{
      .variant = {}, .inputs = std::vector<BufferFormat>(3), .output = {}, .kernel = nullptr};
  choice.inputs[1].dtype = CudaBackend::activation_format(request.precision).dtype;
  const std::int64_t columns = cuda::ceil_div(dst[1], kOutputsPerBlock);
  const std::int64_t rows = cuda::ceil_div(dst[0], kImagesPerBlock);
  choice.gpu = cuda::streaming_launch(
      columns * rows * cuda::kStreamingThreads, cuda::tensor_bytes(request, choice, backend),
      cuda::constant_bytes(request, choice, backend), backend.spec());
  choice.gpu->grid = {columns, rows, 1};
  choice.kernel =
      std::make_unique<DenseKernel>(backend, request.node.name,
                                    DenseArgs{.dtype = cuda::device_dtype(request.precision),
                                              .n = static_cast<int>(dst[0]),
                                              .c = static_cast<int>(src[1]),
                                              .k = static_cast<int>(dst[1])});
  return choice;
}

}  // namespace

std::span<const CudaVariant> dense_cuda() {
  static constexpr CudaVariant kVariants[] = {{"dense", dense}};
  return kVariants;
}

}  // namespace nestor
