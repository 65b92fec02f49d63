#include "engine/graph/passes/fuse_loads.h"

namespace nestor {

Graph fuse_loads(Graph graph, const Pays& pays) {
  graph = fuse_shortcut_pool(std::move(graph), pays);
  graph = fuse_attention_sum(std::move(graph), pays);
  graph = fuse_shortcut(std::move(graph), pays);
  // Some pools only pay in a launch that there is anyway.
  return fuse_shortcut_pool(std::move(graph), pays);
}

}  // namespace nestor
