#include "engine/backends/cuda/streaming.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "kernels/attention_sum/attention_sum.h"

namespace nestor {

namespace {

StepChoice attention_sum(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  if (dst[1] % 8 != 0) return {};
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {};  // the attention: float32
  return cuda::streaming(request, backend, "attention_sum", std::move(choice),
                         AttentionSumArgs{.dtype = cuda::device_dtype(request.precision),
                                          .n = static_cast<int>(dst[0]),
                                          .pixels = static_cast<int>(cuda::pixels(dst)),
                                          .width = static_cast<int>(dst[1]),
                                          .radix = params<AttentionSumParams>(request.node).radix},
                         [](AttentionSumArgs& args, const cuda::Kernel& step) {
                           cuda::src_to_dst(args, step);
                           args.attention = step.input<float>(1);
                         });
}

}  // namespace

CudaVariants attention_sum_cuda() {
  static constexpr CudaVariant kVariants[] = {{"attention_sum", attention_sum}};
  return {kVariants};
}

}  // namespace nestor
