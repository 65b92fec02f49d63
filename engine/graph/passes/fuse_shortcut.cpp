#include <fmt/format.h>

#include <optional>

#include "engine/graph/passes/fuse_loads.h"
#include "engine/graph/passes/pointwise.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/add/add.h"
#include "engine/ops/fused_convolution/fused_convolution.h"

namespace nestor {

namespace {

// The node as a fused convolution; nothing if it is none, nor a 1x1 convolution.
std::optional<FusedConvolutionParams> as_fused(const Graph& graph, const Node& node) {
  if (node.op == &fused_convolution_op()) return params<FusedConvolutionParams>(node);
  if (!is_pointwise(graph, node)) return std::nullopt;
  const auto& p = params<ConvolutionParams>(node);
  return FusedConvolutionParams{.source = {.stride = p.stride},
                                .shortcut = {},
                                .has_residual = p.has_residual,
                                .relu = p.relu};
}

}  // namespace

Graph fuse_shortcut(Graph graph, const Pays& pays) {
  Rewrite rewrite(std::move(graph));
  Graph& to = rewrite.graph();
  for (Node& node : to.nodes) {
    const std::optional<FusedConvolutionParams> main = as_fused(to, node);
    if (!main || !main->has_residual) continue;
    const ValueId residual = node.inputs.back();
    const Node* shortcut = rewrite.sole_producer(residual, convolution_op());
    if (shortcut == nullptr) shortcut = rewrite.sole_producer(residual, fused_convolution_op());
    if (shortcut == nullptr) continue;
    const std::optional<FusedConvolutionParams> side = as_fused(to, *shortcut);
    if (!side || side->has_residual || side->has_shortcut || side->relu || side->source.radix > 0) {
      continue;
    }
    Node fused = node;
    fused.op = &fused_convolution_op();
    fused.params = FusedConvolutionParams{
        .source = main->source, .has_shortcut = true, .shortcut = side->source, .relu = main->relu};
    fused.inputs.pop_back();
    fused.inputs.insert(fused.inputs.end(), {shortcut->inputs[0], shortcut->inputs[1]});
    const Node apart[] = {*shortcut, node};
    if (!pays(to, apart, {&fused, 1})) continue;
    fused.inputs[2] = rewrite.add_constant(
        add_op(), {}, {node.inputs[2], shortcut->inputs[2]},
        fmt::format("{}+{}", to.value(node.inputs[2]).name, to.value(shortcut->inputs[2]).name));
    rewrite.remove(*shortcut);
    node = std::move(fused);
  }
  return rewrite.finish();
}

}  // namespace nestor
