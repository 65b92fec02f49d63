// As a 1x1 convolution: oneDNN's inner product gives other last bits for other batch sizes on AVX2.
// Pooled vectors are float32 whatever the precision.

#include "engine/backends/cpu/planes.h"
#include "engine/ops/convolution/onednn_convolution.h"
#include "engine/ops/dense/dense.h"

namespace nestor {

namespace {

constexpr BufferFormat kFloats{DType::kFloat32, Layout::kPlain};

ConvolutionParams pointwise(const Node& node) {
  return {.has_bias = true, .relu = params<DenseParams>(node).relu};
}

// Images as images of one pixel each.
StepChoice as_convolution(const StepRequest& request, CpuBackend& backend) {
  const Graph& graph = request.graph;
  const Node& node = request.node;
  const Shape& src = graph.desc(node.inputs[0]).shape;
  if (src.num_elements() != src[0] * src[1] || graph.items(node.inputs[0]) != 1) return {};
  const auto four_dimensional = [](const Shape& shape) { return Shape{shape[0], shape[1], 1, 1}; };
  const BufferFormat format{DType::kFloat32, cpu::blocked_layout()};
  return cpu::choose_onednn_convolution(
      {.params = pointwise(node),
       .src = four_dimensional(src),
       .weight = four_dimensional(graph.desc(node.inputs[1]).shape),
       .dst = four_dimensional(graph.desc(node.outputs[0]).shape),
       .src_format = format,
       .dst_format = format,
       .weight_name = graph.value(node.inputs[1]).name,
       .any_implementation = true},
      backend);
}

// The many items of one image as its pixels: a matrix product. Maps are taken as they lie in blocks,
// and the weights put into that order.
StepChoice rows(const StepRequest& request, CpuBackend& backend) {
  const Graph& graph = request.graph;
  const Node& node = request.node;
  if (graph.images() != 1 || graph.items(node.inputs[0]) == 1) return {};
  const Shape& src = graph.desc(node.inputs[0]).shape;
  const Shape& weight = graph.desc(node.inputs[1]).shape;
  const std::int64_t pixels = weight[1] / src[1];
  if (pixels > 1 && !cpu::fills_blocks(src[1])) return {};
  const BufferFormat format =
      pixels > 1 ? CpuBackend::activation_format(request.precision) : kFloats;
  StepChoice choice =
      cpu::choose_onednn_convolution({.params = pointwise(node),
                                      .src = {1, weight[1], 1, src[0]},
                                      .weight = {weight[0], weight[1], 1, 1},
                                      .dst = {1, weight[0], 1, src[0]},
                                      .src_format = {format.dtype, Layout::kNhwc},
                                      .dst_format = {DType::kFloat32, Layout::kNhwc},
                                      .weight_name = graph.value(node.inputs[1]).name,
                                      .any_implementation = true,
                                      .flattened_pixels = pixels},
                                     backend);
  if (choice.kernel == nullptr) return {};
  choice.inputs[0] = format;
  choice.outputs = {kFloats};
  return choice;
}

}  // namespace

std::span<const CpuVariant> dense_cpu() {
  static constexpr CpuVariant kVariants[] = {{"onednn_convolution", as_convolution},
                                             {"onednn_rows", rows}};
  return kVariants;
}

}  // namespace nestor
