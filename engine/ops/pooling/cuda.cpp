#include "engine/backends/cuda/streaming.h"
#include "engine/ops/pooling/pooling.h"
#include "kernels/pooling/pooling.h"

namespace nestor {

namespace {

StepChoice pooling(const StepRequest& request, CudaBackend& backend) {
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const auto& p = params<PoolingParams>(request.node);
  return cuda::streaming(request, backend, "pooling", cuda::activation_choice(request),
                         PoolingArgs{.dtype = cuda::device_dtype(request.precision),
                                     .n = static_cast<int>(src[0]),
                                     .h = static_cast<int>(src[2]),
                                     .w = static_cast<int>(src[3]),
                                     .c = static_cast<int>(cuda::padded8(src[1])),
                                     .p = static_cast<int>(dst[2]),
                                     .q = static_cast<int>(dst[3]),
                                     .kernel = p.kernel,
                                     .stride = p.stride,
                                     .pad = p.pad,
                                     .is_max = p.kind == PoolingParams::Kind::kMax,
                                     .count_include_pad = p.count_include_pad});
}

}  // namespace

CudaVariants pooling_cuda() {
  static constexpr CudaVariant kVariants[] = {{"pooling", pooling}};
  return {kVariants};
}

}  // namespace nestor
