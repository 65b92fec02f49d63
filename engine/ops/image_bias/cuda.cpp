#include "engine/backends/cuda/streaming.h"
#include "engine/ops/image_bias/image_bias.h"
#include "kernels/image_bias/image_bias.h"

namespace nestor {

namespace {

StepChoice image_bias(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  return cuda::streaming(request, backend, "image_bias", cuda::activation_choice(request),
                         ImageBiasArgs{.dtype = cuda::device_dtype(request.precision),
                                       .n = static_cast<int>(dst[0]),
                                       .pixels = static_cast<int>(cuda::pixels(dst)),
                                       .c = static_cast<int>(cuda::padded8(dst[1]))},
                         [](ImageBiasArgs& args, const cuda::Kernel& step) {
                           cuda::src_to_dst(args, step);
                           args.bias = step.input<void>(1);
                         });
}

}  // namespace

CudaVariants image_bias_cuda() {
  static constexpr CudaVariant kVariants[] = {{"image_bias", image_bias}};
  return {kVariants};
}

}  // namespace nestor
