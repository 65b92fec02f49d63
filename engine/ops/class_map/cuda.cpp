#include "engine/backends/cuda/streaming.h"
#include "engine/ops/class_map/class_map.h"
#include "kernels/class_map/class_map.h"

namespace nestor {

namespace {

// A thread a pixel.
StepChoice class_map(const StepRequest& request, CudaBackend& backend) {
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(
      dst.num_elements(), cuda::tensor_bytes(request, choice, backend), 0, backend.spec());
  return cuda::streaming(request, backend, "class_map", std::move(choice),
                         ClassMapArgs{.dtype = cuda::device_dtype(request.precision),
                                      .n = static_cast<int>(src[0]),
                                      .h = static_cast<int>(src[2]),
                                      .w = static_cast<int>(src[3]),
                                      .p = static_cast<int>(dst[1]),
                                      .q = static_cast<int>(dst[2]),
                                      .num_classes = static_cast<int>(src[1]),
                                      .c = static_cast<int>(cuda::padded8(src[1]))});
}

}  // namespace

CudaVariants class_map_cuda() {
  static constexpr CudaVariant kVariants[] = {{"class_map", class_map}};
  return {kVariants};
}

}  // namespace nestor
