#include "engine/backends/cuda/streaming.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "kernels/radix_sum/radix_sum.h"

namespace nestor {

namespace {

StepChoice radix_sum(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  if (dst[1] % 8 != 0) return {};
  return cuda::streaming(request, backend, "radix_sum", cuda::activation_choice(request),
                         RadixSumArgs{.dtype = cuda::device_dtype(request.precision),
                                      .pixels = dst[0] * cuda::pixels(dst),
                                      .width = static_cast<int>(dst[1]),
                                      .radix = params<RadixSumParams>(request.node).radix});
}

}  // namespace

CudaVariants radix_sum_cuda() {
  static constexpr CudaVariant kVariants[] = {{"radix_sum", radix_sum}};
  return {kVariants};
}

}  // namespace nestor
