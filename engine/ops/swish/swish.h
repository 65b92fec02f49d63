#pragma once
// dst[i] = src[i] / (1 + exp(-src[i])): src times its sigmoid, the activation of EfficientNet.

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& swish_op();

ValueId swish(GraphBuilder& builder, ValueId src, std::string_view name);

// In float64, as the oracles of all operators that end with it have it.
double swish(double x);

}  // namespace nestor
