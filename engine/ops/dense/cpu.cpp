// As a 1x1 convolution: oneDNN's inner product gives other last bits for other batch sizes on AVX2.
// In float32 whatever the precision, as all pooled vectors are.

#include "engine/ops/convolution/onednn_convolution.h"
#include "engine/ops/dense/dense.h"

namespace nestor {

namespace {

StepChoice as_convolution(const StepRequest& request, CpuBackend& backend) {
  const Graph& graph = request.graph;
  const Node& node = request.node;
  const auto four_dimensional = [](const Shape& shape) { return Shape{shape[0], shape[1], 1, 1}; };
  const BufferFormat format{DType::kFloat32, cpu::blocked_layout()};
  return cpu::choose_onednn_convolution(
      {.params = {.has_bias = true},
       .src = graph.desc(node.inputs[0]).shape,
       .weight = four_dimensional(graph.desc(node.inputs[1]).shape),
       .dst = four_dimensional(graph.desc(node.outputs[0]).shape),
       .src_format = format,
       .dst_format = format,
       .weight_name = graph.value(node.inputs[1]).name,
       .any_implementation = true},
      backend);
}

}  // namespace

std::span<const CpuVariant> dense_cpu() {
  static constexpr CpuVariant kVariants[] = {{"onednn_convolution", as_convolution}};
  return kVariants;
}

}  // namespace nestor
