#pragma once
// The split-attention tail as one step: all that follows the grouped convolution of a block
// (ResNeSt paper, section 3.1), and the block's AVD average pool if it has one.
//
//   pooled[n,c]  = mean_hw sum_r src[n, r*W + c, h, w]
//   hidden[n,i]  = relu(fc1_bias[i] + sum_c pooled[n, g1*W/K + c] * fc1_weight[i,c])
//   logit[n,j]   = fc2_bias[j] + sum_i hidden[n, g2*I/K + i] * fc2_weight[j,i]
//
//       g1 = i / (I/K),  g2 = j / (R*W/K)
//
//   attention    = rSoftmax(logit)     (r_softmax.h)
//   sum[n,c,h,w] = sum_r attention[n, r*W + c] * src[n, r*W + c, h, w]
//   dst          = pool(sum) if has_pool, else sum
//                  attention itself if gates_only: readers then compute the weighted sum
//
//   src [n, radix*W, h, w]
//   fc1_weight [I, W/K, 1, 1], fc1_bias [I]: batch norm already folded
//   fc2_weight [radix*W, I/K, 1, 1], fc2_bias [radix*W]
//   dst [n, W, p, q]; [n, radix*W, 1, 1] if gates_only
//
// Made by the pass fuse_split_attention, gates_only by fuse_attention_sum; networks spell out the
// operators it stands for.

#include "engine/graph/graph.h"
#include "engine/ops/pooling/pooling.h"

namespace nestor {

struct SplitAttentionParams {
  int radix = 2;
  int cardinality = 1;
  bool has_pool = false;
  PoolingParams pool;  // of the AVD layer, if has_pool
  bool gates_only = false;
};

// Channels of a radix part. The operators of a wider tail stay apart: GPU kernels keep a part's
// vector in shared memory.
inline constexpr std::int64_t kWidestSplitAttention = 1024;

const Op& split_attention_op();

}  // namespace nestor
