#include <cmath>

#include "engine/backends/cuda/streaming.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "kernels/batch_norm/batch_norm.h"

namespace nestor {

namespace {

// As one multiply-add a channel: scale and shift [2][c], computed when the step is loaded.
void scale_and_shift(float* scale, std::int64_t pitch, double eps, const Constants& constants,
                     std::span<const ValueId> inputs) {
  const auto gamma = constants.value(inputs[1]), beta = constants.value(inputs[2]);
  const auto mean = constants.value(inputs[3]), var = constants.value(inputs[4]);
  for (std::int64_t c = 0; c < constants.desc(inputs[1]).shape[0]; ++c) {
    const double factor = gamma.data()[c] / std::sqrt(var.data()[c] + eps);
    scale[c] = static_cast<float>(factor);
    scale[pitch + c] = static_cast<float>(beta.data()[c] - mean.data()[c] * factor);
  }
}

StepChoice batch_norm(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const double eps = params<BatchNormParams>(request.node).eps;
  return cuda::streaming(
      request, backend, "batch_norm", cuda::activation_choice(request),
      BatchNormArgs{.dtype = cuda::device_dtype(request.precision),
                    .pixels = dst[0] * cuda::pixels(dst),
                    .c = static_cast<int>(cuda::padded8(dst[1]))},
      cuda::src_to_dst<BatchNormArgs>,
      [eps](BatchNormArgs& args, cuda::Kernel& step, const Constants& constants,
            std::span<const ValueId> inputs) {
        const std::size_t bytes = static_cast<std::size_t>(2 * args.c) * sizeof(float);
        args.scale = step.keep<float>(step.backend().constant(
            constants.name(inputs[1]) + " scale, shift", bytes, [&](std::byte* data) {
              scale_and_shift(reinterpret_cast<float*>(data), args.c, eps, constants, inputs);
            }));
        args.shift = args.scale + args.c;
      });
}

}  // namespace

CudaVariants batch_norm_cuda() {
  static constexpr CudaVariant kVariants[] = {{"batch_norm", batch_norm}};
  return {kVariants};
}

}  // namespace nestor
