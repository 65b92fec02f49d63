#pragma once
// rSoftmax (ResNeSt paper, section 3.1): a softmax over the radix splits of each channel.
//
//   src [n, cardinality * radix * C, 1, 1], read as [n, cardinality, radix, C], because the second
//   fully connected layer has one group per cardinal group;
//   dst [n, radix * cardinality * C, 1, 1], written as [n, radix, cardinality, C], the order of the
//   split-attention convolution's channels;
//   dst[n,r,k,c] = exp(src[n,k,r,c] - m) / sum_r' exp(src[n,k,r',c] - m),  m = max over r'
//
// With radix 1 a sigmoid: 1 / (1 + exp(-src)).
// Source: zhanghang1989/ResNeSt:resnest/torch/models/splat.py@1dfb3e8. GluonCV 0.7 leaves the
// transposition out, which only matters with cardinality > 1.

#include <span>

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct RSoftmaxParams {
  int radix = 2;
  int cardinality = 1;
};

const Op& r_softmax_op();

ValueId r_softmax(GraphBuilder& builder, ValueId src, std::string_view name, RSoftmaxParams params);

// The formula for one image: src and dst of `channels` = radix * cardinality * C elements.
void r_softmax(RSoftmaxParams params, std::int64_t channels, const float* src, float* dst);

}  // namespace nestor
