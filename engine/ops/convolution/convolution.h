#pragma once
// Convolution with a fused epilogue.
//
//   dst[n,k,p,q] = act( bias[k] + residual[n,k,p,q]
//                     + sum_{c,r,s} src[n, g*C/G + c, y, x] * weight[k,c,r,s] )
//
//       y = p*stride - pad + r*dilation,  x = q*stride - pad + s*dilation,  g = k / (K/G)
//       act: nothing, ReLU, or swish (swish.h)
//
//   src      [n, c, h, w]          weight [k, c/groups, r, s]
//   bias     [k]           if has_bias
//   residual shape of dst  if has_residual
//   dst      [n, k, p, q], p = (h + 2*pad - dilation*(r-1) - 1) / stride + 1, likewise q
//
// Inputs in this order: src, weight, bias, residual. Zeros surround src.
//
// With `same`, TensorFlow's padding, p = ceil(h / stride) whatever the filter. The zeros that this
// takes are put around src by halves, the odd one below (to the right), so that there may be one
// more after src than before it, and not as many at each axis; `pad` is unused then.

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
  bool swish = false;  // not with relu
  bool same = false;
};

inline bool is_activated(const ConvolutionParams& params) { return params.relu || params.swish; }

// Zeros around src along an axis of `size` pixels with `taps` of the filter.
struct Padding {
  std::int64_t before = 0, after = 0;
};
Padding padding(const ConvolutionParams& params, std::int64_t size, std::int64_t taps);

// Extent of dst along that axis; 0 if the filter reaches beyond the padded src.
std::int64_t convolved_size(const ConvolutionParams& params, std::int64_t size, std::int64_t taps);

const Op& convolution_op();

struct ConvolutionSpec {
  std::int64_t channels = 0;  // of dst
  int kernel = 1;
  int stride = 1;
  int pad = 0;
  int dilation = 1;
  int groups = 1;
  bool bias = false;
  bool same = false;  // padding as TensorFlow's "same", instead of `pad`
};

// The convolution `name` with parameters `name`.weight [and .bias].
ValueId convolution(GraphBuilder& builder, ValueId src, std::string_view name,
                    const ConvolutionSpec& spec);

// Parameters that several convolutions share: `name`.weight [and .bias], for `src_channels`.
std::vector<ValueId> convolution_weights(GraphBuilder& builder, std::string_view name,
                                         std::int64_t src_channels, const ConvolutionSpec& spec);
ValueId convolution(GraphBuilder& builder, ValueId src, std::span<const ValueId> weights,
                    std::string_view name, const ConvolutionSpec& spec);

}  // namespace nestor
