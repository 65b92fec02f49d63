#pragma once
// Convolution with a fused epilogue.
//
//   dst[n,k,p,q] = act( bias[k] + residual[n,k,p,q]
//                     + sum_{c,r,s} src[n, g*C/G + c, y, x] * weight[k,c,r,s] )
//
//       y = p*stride - pad + r*dilation,  x = q*stride - pad + s*dilation,  g = k / (K/G)
//
//   src      [n, c, h, w]          weight [k, c/groups, r, s]
//   bias     [k]           if has_bias
//   residual shape of dst  if has_residual
//   dst      [n, k, p, q], p = (h + 2*pad - dilation*(r-1) - 1) / stride + 1, likewise q
//
// Inputs in this order: src, weight, bias, residual. Zeros surround src.

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct ConvolutionParams {
  int stride = 1;
  int pad = 0;
  int dilation = 1;
  int groups = 1;
  bool has_bias = false;
  bool has_residual = false;
  bool relu = false;
};

const Op& convolution_op();

struct ConvolutionSpec {
  std::int64_t channels = 0;  // of dst
  int kernel = 1;
  int stride = 1;
  int pad = 0;
  int dilation = 1;
  int groups = 1;
  bool bias = false;
};

// The convolution `name` with parameters `name`.weight [and .bias].
ValueId convolution(GraphBuilder& builder, ValueId src, std::string_view name,
                    const ConvolutionSpec& spec);

}  // namespace nestor
