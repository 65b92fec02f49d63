#pragma once
// Fully connected layer, on all of an entry's numbers in C order.
//
//   dst[n,k] = act( bias[k] + sum_i src[n,i] * weight[k,i] )      act: nothing or ReLU
//
//   src [n, c, ...], weight [k, c * ...], bias [k] -> dst [n, k]

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct DenseParams {
  bool relu = false;
};

const Op& dense_op();

// The layer `name` with parameters `name`.weight and .bias.
ValueId dense(GraphBuilder& builder, ValueId src, std::string_view name, std::int64_t channels);

}  // namespace nestor
