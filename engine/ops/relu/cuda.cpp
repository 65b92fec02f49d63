#include "engine/backends/cuda/streaming.h"
#include "kernels/relu/relu.h"

namespace nestor {

namespace {

StepChoice relu(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  return cuda::streaming(request, backend, "relu", cuda::activation_choice(request),
                         ReluArgs{.dtype = cuda::device_dtype(request.precision),
                                  .count = dst[0] * cuda::pixels(dst) * cuda::padded8(dst[1])});
}

}  // namespace

CudaVariants relu_cuda() {
  static constexpr CudaVariant kVariants[] = {{"relu", relu}};
  return {kVariants};
}

}  // namespace nestor
