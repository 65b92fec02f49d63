#pragma once
// dst[i] = a[i] + b[i], two tensors of one shape: the sum of a residual branch and its shortcut.

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& add_op();

ValueId add(GraphBuilder& builder, ValueId a, ValueId b, std::string_view name);

}  // namespace nestor
