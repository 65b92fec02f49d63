#pragma once
// Weights for timing: plain random filters, unit batch norms.

#include <cstddef>
#include <span>
#include <vector>

#include "graphs/zoo.h"

namespace nestor {

// A safetensors file in memory.
std::vector<std::byte> make_up_weights(std::span<const Parameter> parameters);

}  // namespace nestor
