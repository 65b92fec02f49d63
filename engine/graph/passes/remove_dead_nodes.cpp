#include <algorithm>

#include "engine/graph/passes/pass.h"

namespace nestor {

Graph remove_dead_nodes(Graph graph) {
  std::vector<bool> needed(graph.values.size(), false);
  for (const GraphOutput& output : graph.outputs) {
    needed[static_cast<std::size_t>(output.value)] = true;
    const ValueId count = graph.value(output.value).count;
    if (count >= 0) needed[static_cast<std::size_t>(count)] = true;
  }
  std::vector<Node> kept;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    const bool alive = std::ranges::any_of(
        node->outputs, [&](ValueId id) { return needed[static_cast<std::size_t>(id)]; });
    if (!alive) continue;
    for (const ValueId id : node->inputs) needed[static_cast<std::size_t>(id)] = true;
    kept.push_back(std::move(*node));
  }
  std::ranges::reverse(kept);
  graph.nodes = std::move(kept);
  return graph;
}

}  // namespace nestor
