#pragma once
// dst[i] = src[i] < 0 ? 0 : src[i], so that NaN stays NaN.

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& relu_op();

ValueId relu(GraphBuilder& builder, ValueId src, std::string_view name);

}  // namespace nestor
