// Only where users asked for what comes before it; elsewhere it ends a convolution.

#include "engine/backends/cuda/streaming.h"
#include "engine/ops/swish/swish.h"
#include "kernels/swish/swish.h"

namespace nestor {

namespace {

StepChoice streaming(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  return cuda::streaming(request, backend, "swish", cuda::activation_choice(request),
                         SwishArgs{.dtype = cuda::device_dtype(request.precision),
                                   .count = dst[0] * cuda::pixels(dst) * cuda::padded8(dst[1])});
}

}  // namespace

CudaVariants swish_cuda() {
  static constexpr CudaVariant kVariants[] = {{"swish", streaming}};
  return {kVariants};
}

}  // namespace nestor
