#pragma once
// Passes that only some devices want: a 1x1 convolution computes in its load what nodes before it
// did (engine/ops/fused_convolution). Whether that is faster depends on the device and on sizes, so
// it is asked for each place. A value that users asked for is never fused away.

#include <functional>
#include <span>

#include "engine/graph/graph.h"

namespace nestor {

// Whether the nodes `fused` are to stand for the nodes `apart`. Both are in the order in which they
// run, on values of `graph`, whose other nodes are still as they were.
using Pays = std::function<bool(const Graph& graph, std::span<const Node> apart,
                                std::span<const Node> fused)>;

// average pool -> 1x1 convolution, or shortcut of a fused convolution, becomes a fused convolution
// of what is pooled.
Graph fuse_shortcut_pool(Graph graph, const Pays& pays);

// split attention -> 1x1 convolution becomes split attention that ends with the gates, and a fused
// convolution that weights and adds the radix parts, with the AVD pool if there is one.
Graph fuse_attention_sum(Graph graph, const Pays& pays);

// 1x1 convolution -> residual of a 1x1 convolution becomes one fused convolution of both inputs,
// with the sum of both biases.
Graph fuse_shortcut(Graph graph, const Pays& pays);

// All of them in this order, and then the pools that were left.
Graph fuse_loads(Graph graph, const Pays& pays);

}  // namespace nestor
