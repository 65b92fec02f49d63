#include "engine/backends/cuda/streaming.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "kernels/resize_bilinear/resize_bilinear.h"

namespace nestor {

namespace {

StepChoice resize_bilinear(const StepRequest& request, CudaBackend& backend) {
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  return cuda::streaming(request, backend, "resize_bilinear", cuda::activation_choice(request),
                         ResizeBilinearArgs{.dtype = cuda::device_dtype(request.precision),
                                            .n = static_cast<int>(src[0]),
                                            .h = static_cast<int>(src[2]),
                                            .w = static_cast<int>(src[3]),
                                            .p = static_cast<int>(dst[2]),
                                            .q = static_cast<int>(dst[3]),
                                            .c = static_cast<int>(cuda::padded8(src[1]))});
}

}  // namespace

CudaVariants resize_bilinear_cuda() {
  static constexpr CudaVariant kVariants[] = {{"resize_bilinear", resize_bilinear}};
  return {kVariants};
}

}  // namespace nestor
