#include <cmath>

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm.h"

namespace nestor {

namespace {

// As one multiply-add a channel: scale and shift are computed when the step is loaded.
class BatchNormKernel final : public cuda::Kernel {
 public:
  BatchNormKernel(CudaBackend& backend, std::string name, const BatchNormArgs& args, double eps)
      : Kernel(backend, std::move(name)), args_(args), eps_(eps) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const std::size_t bytes = static_cast<std::size_t>(2 * args_.c) * sizeof(float);
    scale_shift_ = backend().constant(
        constants.name(inputs[1]) + " scale, shift", bytes, [&](std::byte* data) {
          const auto gamma = constants.value(inputs[1]), beta = constants.value(inputs[2]);
          const auto mean = constants.value(inputs[3]), var = constants.value(inputs[4]);
          auto* const scale = reinterpret_cast<float*>(data);
          for (std::int64_t c = 0; c < constants.desc(inputs[1]).shape[0]; ++c) {
            const double factor = gamma.data()[c] / std::sqrt(var.data()[c] + eps_);
            scale[c] = static_cast<float>(factor);
            scale[args_.c + c] = static_cast<float>(beta.data()[c] - mean.data()[c] * factor);
          }
        });
    args_.scale = static_cast<const float*>(scale_shift_->get());
    args_.shift = args_.scale + args_.c;
  }

 private:
  DeviceStatus launch(const DeviceLibrary& library, Stream stream) override {
    args_.src = input<void>(0);
    args_.dst = output<void>();
    return library.batch_norm(args_, stream);
  }

  BatchNormArgs args_;
  double eps_;
  std::shared_ptr<const cuda::Memory> scale_shift_;
};

StepChoice batch_norm(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.kernel = std::make_unique<BatchNormKernel>(
      backend, request.node.name,
      BatchNormArgs{.dtype = cuda::device_dtype(request.precision),
                    .pixels = dst[0] * cuda::pixels(dst),
                    .c = static_cast<int>(cuda::padded8(dst[1]))},
      params<BatchNormParams>(request.node).eps);
  return choice;
}

}  // namespace

std::span<const CudaVariant> batch_norm_cuda() {
  static constexpr CudaVariant kVariants[] = {{"batch_norm", batch_norm}};
  return kVariants;
}

}  // namespace nestor
