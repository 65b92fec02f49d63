#pragma once
// The constants of a convolution that a batch norm was folded into, computed once when a model is
// loaded. In double precision, rounded once:
//
//   scale[k]      = gamma[k] / sqrt(running_var[k] + eps)
//   fold_batch_norm_weight   dst[k,c,r,s] = weight[k,c,r,s] * scale[k]
//                            inputs weight, gamma, running_var
//   fold_batch_norm_bias     dst[k] = beta[k] + (bias[k] - running_mean[k]) * scale[k]
//                            inputs gamma, beta, running_mean, running_var [, bias]

#include "engine/graph/graph.h"
#include "engine/ops/batch_norm/batch_norm.h"

namespace nestor {

// Both take BatchNormParams.
const Op& fold_batch_norm_weight_op();
const Op& fold_batch_norm_bias_op();

}  // namespace nestor
