#pragma once
// Random weights for any graph, as a weight file in memory.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/weights/weight_store.h"

namespace nestor::test {

// The values of a weight follow from its name, shape and the seed, and keep activations in a
// natural range: filters scaled by their size, positive variances, weak last batch norms.
std::vector<float> weight_values(const Value& weight, std::uint64_t seed);

// A file with every weight of the graph. The bytes live as long as the program.
WeightFile weight_file(const Graph& graph, std::uint64_t seed);

}  // namespace nestor::test
