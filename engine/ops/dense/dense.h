#pragma once
// Fully connected layer.
//
//   dst[n,k] = bias[k] + sum_c src[n,c,0,0] * weight[k,c]
//
//   src [n, c, 1, 1], weight [k, c], bias [k] -> dst [n, k]

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& dense_op();

// The layer `name` with parameters `name`.weight and .bias.
ValueId dense(GraphBuilder& builder, ValueId src, std::string_view name, std::int64_t channels);

}  // namespace nestor
