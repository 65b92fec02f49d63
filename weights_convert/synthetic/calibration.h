#pragma once
// What the batch norms of a network with made-up weights must know for its activations to keep a
// natural range at any depth: the mean and variance that they really see.

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"

namespace nestor {

// Fills in the values of a weight.
using WeightFunction =
    std::function<void(std::string_view name, const Shape& shape, std::span<float> dst)>;

// Runs a graph, as build_graph() makes it, on an input of its shape, one operator after another on
// the CPU; each batch norm normalises by the mean and variance of what reaches it. The result has
// these under the names of the parameters ("bn1.running_mean", "bn1.running_var"). `weights` is
// asked for all others. Deterministic on one machine.
std::map<std::string, std::vector<float>, std::less<>> batch_statistics(
    const Graph& graph, const WeightFunction& weights, std::span<const float> input);

}  // namespace nestor
