#pragma once
// Passes: graph in, graph out. Each is one file here and one row of passes.cpp. A value that users
// asked for (a graph output) is never fused away.

#include <functional>
#include <span>
#include <string_view>

#include "engine/graph/graph.h"

namespace nestor {

struct Pass {
  std::string_view name;
  Graph (*apply)(Graph graph);
};

// In the order in which they are applied.
std::span<const Pass> passes();

// Applies all of them. `observer`, if given, sees the graph after each.
Graph apply_passes(Graph graph,
                   const std::function<void(const Pass&, const Graph&)>& observer = nullptr);

// convolution -> batch_norm becomes a convolution with bias; the scaled weights and the bias become
// constants that are computed once per model.
Graph fold_batch_norm(Graph graph);

// convolution -> add becomes a convolution with residual, in the place of the add.
Graph fuse_residual(Graph graph);

// convolution [+ residual] -> relu becomes a convolution that ends with the ReLU; dense likewise.
Graph fuse_relu(Graph graph);

// convolution [+ residual] -> swish likewise.
Graph fuse_swish(Graph graph);

// A 1x1 convolution of a concatenation becomes a sum of convolutions, with what was pooled to a
// pixel as a bias of each image.
Graph split_projection(Graph graph);

// A dilated filter that only sees one pixel becomes a 1x1 filter.
Graph crop_filters(Graph graph);

// The operators between a grouped convolution and conv3 become one split_attention.
Graph fuse_split_attention(Graph graph);

// Drops nodes whose result nobody reads.
Graph remove_dead_nodes(Graph graph);

}  // namespace nestor
