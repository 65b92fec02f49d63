#include "engine/backends/cuda/streaming.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "kernels/r_softmax/r_softmax.h"

namespace nestor {

namespace {

// On float32 vectors, whatever the plan's precision.
StepChoice r_softmax(const StepRequest& request, CudaBackend& backend) {
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const auto& p = params<RSoftmaxParams>(request.node);
  if (cuda::pixels(src) != 1) return {};
  StepChoice choice{
      .variant = {}, .inputs = {BufferFormat{}}, .outputs = {BufferFormat{}}, .kernel = nullptr};
  const std::int64_t threads = src.num_elements() / p.radix;
  choice.gpu = cuda::streaming_launch(threads, cuda::tensor_bytes(request, choice, backend), 0,
                                      backend.spec());
  return cuda::streaming(
      request, backend, "r_softmax", std::move(choice),
      RSoftmaxArgs{.n = static_cast<int>(src[0]),
                   .channels = static_cast<int>(src[1] / p.radix / p.cardinality),
                   .radix = p.radix,
                   .cardinality = p.cardinality});
}

}  // namespace

CudaVariants r_softmax_cuda() {
  static constexpr CudaVariant kVariants[] = {{"r_softmax", r_softmax}};
  return {kVariants};
}

}  // namespace nestor
