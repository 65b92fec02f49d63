#pragma once
// Batch normalisation with running statistics.
//
//   dst[n,c,h,w] = gamma[c] * (src[n,c,h,w] - running_mean[c]) / sqrt(running_var[c] + eps)
//                + beta[c]
//
// Inputs in this order: src [n, c, h, w], gamma, beta, running_mean, running_var, each [c].

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct BatchNormParams {
  double eps = 1e-5;
};

const Op& batch_norm_op();

ValueId batch_norm(GraphBuilder& builder, ValueId src, std::string_view name,
                   BatchNormParams params = {});

}  // namespace nestor
