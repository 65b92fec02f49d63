#pragma once
// The list of operators.

#include <span>

#include "engine/graph/graph.h"

namespace nestor {

std::span<const Op* const> ops();

// multiply_adds of operators that do no matrix work.
std::int64_t no_multiply_adds(const Node& node, std::span<const TensorDesc> inputs,
                              std::span<const TensorDesc> outputs);

// describe of operators without parameters.
std::string no_description(const Node& node);

}  // namespace nestor
