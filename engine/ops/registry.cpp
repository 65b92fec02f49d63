#include "engine/ops/registry.h"

#include <algorithm>

namespace nestor {

// The only list: a line declares and admits an operator. What it names is defined in
// engine/ops/<op>/: the operator in <op>.cpp, its variants in cpu.cpp and cuda.cpp.
// clang-format off
#define ADMITTED_OPS(OP)                                                           \
  OP(convolution_op,            convolution_cpu,         convolution_cuda)         \
  OP(batch_norm_op,             batch_norm_cpu,          batch_norm_cuda)          \
  OP(relu_op,                   relu_cpu,                relu_cuda)                \
  OP(swish_op,                  swish_cpu,               swish_cuda)               \
  OP(add_op,                    add_cpu,                 add_cuda)                 \
  OP(pooling_op,                pooling_cpu,             pooling_cuda)             \
  OP(global_average_pool_op,    global_average_pool_cpu, global_average_pool_cuda) \
  OP(concat_op,                 concat_cpu,              concat_cuda)              \
  OP(dense_op,                  dense_cpu,               dense_cuda)               \
  OP(radix_sum_op,              radix_sum_cpu,           radix_sum_cuda)           \
  OP(r_softmax_op,              r_softmax_cpu,           r_softmax_cuda)           \
  OP(attention_sum_op,          attention_sum_cpu,       attention_sum_cuda)       \
  OP(split_attention_op,        split_attention_cpu,     split_attention_cuda)     \
  OP(fused_convolution_op,      no_cpu,                  fused_convolution_cuda)   \
  OP(upsample_add_op,           upsample_add_cpu,        upsample_add_cuda)        \
  OP(anchor_rows_op,            anchor_rows_cpu,         anchor_rows_cuda)         \
  OP(proposals_op,              proposals_cpu,           proposals_cuda)           \
  OP(roi_align_op,              roi_align_cpu,           roi_align_cuda)           \
  OP(detections_op,             detections_cpu,          detections_cuda)          \
  OP(image_bias_op,             image_bias_cpu,          image_bias_cuda)          \
  OP(resize_bilinear_op,        resize_bilinear_cpu,     resize_bilinear_cuda)     \
  OP(class_map_op,              class_map_cpu,           class_map_cuda)           \
  OP(weight_slice_op,           no_cpu,                  no_cuda)                  \
  OP(fold_batch_norm_weight_op, no_cpu,                  no_cuda)                  \
  OP(fold_batch_norm_bias_op,   no_cpu,                  no_cuda)
// clang-format on

#define DECLARE(op, cpu, cuda)       \
  const Op& op();                    \
  std::span<const CpuVariant> cpu(); \
  CudaVariants cuda();
#define ROW(op, cpu, cuda) {op, cpu, cuda},

ADMITTED_OPS(DECLARE)

std::span<const AdmittedOp> admitted_ops() {
  static constexpr AdmittedOp kList[] = {ADMITTED_OPS(ROW)};
  return kList;
}

const AdmittedOp* find_admitted(const Op& op) {
  const std::span<const AdmittedOp> list = admitted_ops();
  const auto row =
      std::ranges::find_if(list, [&](const AdmittedOp& admitted) { return &admitted.op() == &op; });
  return row == list.end() ? nullptr : &*row;
}

}  // namespace nestor
