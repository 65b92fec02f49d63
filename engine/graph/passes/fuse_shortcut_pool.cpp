#include "engine/graph/passes/fuse_loads.h"
#include "engine/graph/passes/pointwise.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/pooling/pooling.h"

namespace nestor {

Graph fuse_shortcut_pool(Graph graph, const Pays& pays) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    if (!is_pointwise(rewrite.graph(), node)) continue;
    const auto& conv = params<ConvolutionParams>(node);
    const Node* pool = rewrite.sole_producer(node.inputs[0], pooling_op());
    if (pool == nullptr || conv.stride != 1) continue;
    const auto& pooling = params<PoolingParams>(*pool);
    if (pooling.kind != PoolingParams::Kind::kAverage) continue;
    Node fused = node;
    fused.op = &fused_convolution_op();
    fused.params = FusedConvolutionParams{.source = {.has_pool = true, .pool = pooling},
                                          .shortcut = {},
                                          .has_residual = conv.has_residual,
                                          .relu = conv.relu};
    fused.inputs[0] = pool->inputs[0];
    const Node apart[] = {*pool, node};
    if (!pays(rewrite.graph(), apart, {&fused, 1})) continue;
    rewrite.remove(*pool);
    node = std::move(fused);
  }
  return rewrite.finish();
}

}  // namespace nestor
