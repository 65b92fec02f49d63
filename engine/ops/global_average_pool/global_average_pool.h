#pragma once
// dst[n,c,0,0] = mean over h, w of src[n,c,h,w].   src [n, c, h, w] -> dst [n, c, 1, 1]

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

const Op& global_average_pool_op();

ValueId global_average_pool(GraphBuilder& builder, ValueId src, std::string_view name);

}  // namespace nestor
