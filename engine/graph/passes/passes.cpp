#include "engine/graph/passes/pass.h"

namespace nestor {

std::span<const Pass> passes() {
  static constexpr Pass kPasses[] = {
      {"fold_batch_norm", fold_batch_norm},
      {"fuse_residual", fuse_residual},
      {"fuse_relu", fuse_relu},
      {"fuse_swish", fuse_swish},
      {"split_projection", split_projection},
      {"crop_filters", crop_filters},
      {"fuse_split_attention", fuse_split_attention},
      {"remove_dead_nodes", remove_dead_nodes},
  };
  return kPasses;
}

Graph apply_passes(Graph graph, const std::function<void(const Pass&, const Graph&)>& observer) {
  for (const Pass& pass : passes()) {
    graph = pass.apply(std::move(graph));
    if (observer) observer(pass, graph);
  }
  return graph;
}

}  // namespace nestor
