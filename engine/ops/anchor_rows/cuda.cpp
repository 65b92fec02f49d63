#include "engine/backends/cuda/streaming.h"
#include "engine/ops/anchor_rows/anchor_rows.h"
#include "kernels/anchor_rows/anchor_rows.h"

namespace nestor {

namespace {

StepChoice anchor_rows(const StepRequest& request, CudaBackend& backend) {
  const std::span<const ValueId> levels = request.node.inputs;
  if (levels.size() > kMaxAnchorLevels) return {};
  const Shape& first = request.graph.desc(levels[0]).shape;
  AnchorRowsArgs args{.dtype = cuda::device_dtype(request.precision),
                      .num_levels = static_cast<int>(levels.size()),
                      .n = static_cast<int>(first[0]),
                      .channels = static_cast<int>(first[1])};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const Shape& level = request.graph.desc(levels[i]).shape;
    if (level[1] != first[1]) return {};
    args.cells[i] = static_cast<int>(cuda::pixels(level));
  }
  StepChoice choice = cuda::activation_choice(request);
  choice.outputs = {{DType::kFloat32, Layout::kPlain}};
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  choice.gpu = cuda::streaming_launch(
      dst.num_elements(), cuda::tensor_bytes(request, choice, backend), 0, backend.spec());
  return cuda::streaming(request, backend, "anchor_rows", std::move(choice), args,
                         [](AnchorRowsArgs& to, const cuda::Kernel& step) {
                           for (int i = 0; i < to.num_levels; ++i) {
                             to.src[i] = step.input<void>(static_cast<std::size_t>(i));
                           }
                           to.dst = step.output<float>();
                         });
}

}  // namespace

CudaVariants anchor_rows_cuda() {
  static constexpr CudaVariant kVariants[] = {{"anchor_rows", anchor_rows}};
  return {kVariants};
}

}  // namespace nestor
