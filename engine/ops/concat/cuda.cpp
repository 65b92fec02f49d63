#include "engine/backends/cuda/streaming.h"
#include "engine/ops/concat/concat.h"
#include "kernels/concat/concat.h"

namespace nestor {

namespace {

// Activations, of as many inputs as the kernel's arguments hold.
StepChoice concat(const StepRequest& request, CudaBackend& backend) {
  const Graph& graph = request.graph;
  const TensorDesc& dst = graph.desc(request.node.outputs[0]);
  const std::span<const ValueId> inputs = request.node.inputs;
  if (dst.dtype != DType::kFloat32 || inputs.size() > kMaxConcatSources) return {};
  ConcatArgs args{.dtype = cuda::device_dtype(request.precision),
                  .sources = {},
                  .num_sources = static_cast<int>(inputs.size()),
                  .pixels = dst.shape[0] * cuda::pixels(dst.shape)};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    args.sources[i].channels = static_cast<int>(graph.desc(inputs[i]).shape[1]);
  }
  return cuda::streaming(request, backend, "concat", cuda::activation_choice(request), args,
                         [](ConcatArgs& to, const cuda::Kernel& step) {
                           for (int i = 0; i < to.num_sources; ++i) {
                             to.sources[i].data = step.input<void>(static_cast<std::size_t>(i));
                           }
                           to.dst = step.output<void>();
                         });
}

}  // namespace

CudaVariants concat_cuda() {
  static constexpr CudaVariant kVariants[] = {{"concat", concat}};
  return {kVariants};
}

}  // namespace nestor
