#include "engine/ops/registry.h"

#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/fold_batch_norm/fold_batch_norm.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

std::span<const Op* const> ops() {
  static const Op* const list[] = {
      &convolution_op(),
      &batch_norm_op(),
      &relu_op(),
      &add_op(),
      &pooling_op(),
      &global_average_pool_op(),
      &dense_op(),
      &radix_sum_op(),
      &r_softmax_op(),
      &attention_sum_op(),
      &split_attention_op(),
      &fused_convolution_op(),
      &fold_batch_norm_weight_op(),
      &fold_batch_norm_bias_op(),
  };
  return list;
}

std::int64_t no_multiply_adds(const Node&, std::span<const TensorDesc>,
                              std::span<const TensorDesc>) {
  return 0;
}

std::string no_description(const Node&) { return {}; }

}  // namespace nestor
