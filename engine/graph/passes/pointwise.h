#pragma once
// What the passes of fuse_loads.h share: 1x1 convolutions.

#include "engine/graph/graph.h"
#include "engine/ops/convolution/convolution.h"

namespace nestor {

// A 1x1 convolution with a bias in one group that ends with a ReLU or nothing; of every pixel if
// `stride` is 1.
inline bool is_pointwise(const Graph& graph, const Node& node) {
  if (node.op != &convolution_op()) return false;
  const auto& p = params<ConvolutionParams>(node);
  const Shape& weight = graph.desc(node.inputs[1]).shape;
  return weight[2] == 1 && weight[3] == 1 && p.pad == 0 && p.groups == 1 && p.has_bias && !p.swish;
}

}  // namespace nestor
