#pragma once
// A 1x1 convolution that computes what it reads while it loads it, and can add that of a shortcut.
//
//   dst[n,k,p,q] = act( bias[k] + residual[n,k,p,q] + sum_c a[n,c,p,q] * weight[k,c]
//                                                   + sum_c b[n,c,p,q] * shortcut_weight[k,c] )
//
//   a = pool(sum_r gates[n, r*C + c] * src[n, r*C + c, h, w])   with radix > 0, else of src itself;
//       pool(x): the average pool if there is one, else x at every stride-th pixel
//   b = likewise of shortcut, without gates
//
//   src      [n, radix*C, h, w], or [n, C, h, w]      weight          [k, C, 1, 1]
//   bias     [k]                                      gates           [n, radix*C, 1, 1]
//   shortcut [n, D, h', w']                           shortcut_weight [k, D, 1, 1]
//   residual shape of dst                             dst             [n, k, p, q]
//
// Inputs in this order: src, weight, bias, [gates if radix > 0], [shortcut, shortcut_weight if
// has_shortcut], [residual if has_residual]; a shortcut and a residual exclude each other.
//
// Made by the passes of engine/graph/passes/fuse_loads.h, for devices that can; networks spell out
// the operators it stands for.

#include "engine/graph/graph.h"
#include "engine/ops/pooling/pooling.h"

namespace nestor {

// What is computed of one input in its load.
struct FusedSource {
  int stride = 1;  // 1 if there is a pool
  int radix = 0;   // parts that are weighted and added; 0: the input itself
  bool has_pool = false;
  PoolingParams pool;  // an average
};

struct FusedConvolutionParams {
  FusedSource source;
  bool has_shortcut = false;
  FusedSource shortcut;  // radix 0
  bool has_residual = false;
  bool relu = false;
};

const Op& fused_convolution_op();

// Where the parts of the inputs lie.
struct FusedConvolutionInputs {
  std::size_t gates, shortcut, shortcut_weight, residual, count;
};
FusedConvolutionInputs fused_convolution_inputs(const FusedConvolutionParams& params);

}  // namespace nestor
