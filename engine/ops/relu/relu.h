#pragma once
// dst[i] = src[i] < 0 ? 0 : src[i]. In the oracle NaN stays NaN; oneDNN makes it 0, which is why
// sessions refuse inputs, and backends weights, that are not finite numbers.

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& relu_op();

ValueId relu(GraphBuilder& builder, ValueId src, std::string_view name);

}  // namespace nestor
