#pragma once
// Sum over the radix splits (ResNeSt paper, section 3.1).
//
//   dst[n,c,h,w] = sum_r src[n, r*C + c, h, w]       src [n, radix*C, h, w] -> dst [n, C, h, w]

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct RadixSumParams {
  int radix = 2;
};

const Op& radix_sum_op();

ValueId radix_sum(GraphBuilder& builder, ValueId src, std::string_view name, RadixSumParams params);

}  // namespace nestor
