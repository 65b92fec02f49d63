#pragma once
// The radix splits weighted by their attention and summed (ResNeSt paper, section 3.1).
//
//   dst[n,c,h,w] = sum_r attention[n, r*C + c] * src[n, r*C + c, h, w]
//
//   src [n, radix*C, h, w], attention [n, radix*C, 1, 1] -> dst [n, C, h, w]

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct AttentionSumParams {
  int radix = 2;
};

const Op& attention_sum_op();

ValueId attention_sum(GraphBuilder& builder, ValueId src, ValueId attention, std::string_view name,
                      AttentionSumParams params);

}  // namespace nestor
