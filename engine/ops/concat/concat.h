#pragma once
// Tensors one behind the other along their channels.
//
//   dst[n, c_0 + ... + c_{i-1} + c, h, w] = src_i[n, c, h, w]
//
//   src_i [n, c_i, h, w] -> dst [n, sum of c_i, h, w]

#include <span>

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& concat_op();

ValueId concat(GraphBuilder& builder, std::span<const ValueId> srcs, std::string_view name);

}  // namespace nestor
