#include "engine/graph/passes/fuse_loads.h"
#include "engine/graph/passes/pointwise.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/pooling/pooling.h"

namespace nestor {

namespace {

// An input of a 1x1 convolution that may be pooled in its load.
struct Place {
  std::size_t input;
  FusedConvolutionParams params;  // of the node as a fused convolution
  FusedSource FusedConvolutionParams::*source = nullptr;
};

// None if `source` is null.
Place place_of(const Graph& graph, const Node& node) {
  if (node.op == &fused_convolution_op()) {
    const auto& p = params<FusedConvolutionParams>(node);
    const bool free = p.has_shortcut && !p.shortcut.has_pool && p.shortcut.stride == 1;
    return {fused_convolution_inputs(p).shortcut, p,
            free ? &FusedConvolutionParams::shortcut : nullptr};
  }
  if (!is_pointwise(graph, node)) return {};
  const auto& p = params<ConvolutionParams>(node);
  return {0,
          {.source = {}, .shortcut = {}, .has_residual = p.has_residual, .relu = p.relu},
          p.stride == 1 ? &FusedConvolutionParams::source : nullptr};
}

}  // namespace

Graph fuse_shortcut_pool(Graph graph, const Pays& pays) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    Place place = place_of(rewrite.graph(), node);
    if (place.source == nullptr) continue;
    const Node* pool = rewrite.sole_producer(node.inputs[place.input], pooling_op());
    if (pool == nullptr) continue;
    const auto& pooling = params<PoolingParams>(*pool);
    if (pooling.kind != PoolingParams::Kind::kAverage) continue;
    place.params.*place.source = {.has_pool = true, .pool = pooling};
    Node fused = node;
    fused.op = &fused_convolution_op();
    fused.params = place.params;
    fused.inputs[place.input] = pool->inputs[0];
    const Node apart[] = {*pool, node};
    if (!pays(rewrite.graph(), apart, {&fused, 1})) continue;
    rewrite.remove(*pool);
    node = std::move(fused);
  }
  return rewrite.finish();
}

}  // namespace nestor
