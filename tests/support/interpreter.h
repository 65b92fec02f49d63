#pragma once
// Runs a graph by its operators' oracles, node by node.

#include <map>
#include <string>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/weights/weight_store.h"

namespace nestor::test {

struct NamedTensor {
  std::string name;
  TensorDesc desc;
  std::vector<float> data;  // its elements, whatever their type
};

// The outputs of the graph, in their order.
std::vector<NamedTensor> interpret(const Graph& graph, const WeightStore& weights,
                                   const TensorView& input);

}  // namespace nestor::test
