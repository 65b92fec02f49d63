// The list of what the CPU device can run.

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

// Each is defined in engine/ops/<op>/cpu.cpp.
std::span<const CpuVariant> convolution_cpu();
std::span<const CpuVariant> batch_norm_cpu();
std::span<const CpuVariant> relu_cpu();
std::span<const CpuVariant> add_cpu();
std::span<const CpuVariant> pooling_cpu();
std::span<const CpuVariant> global_average_pool_cpu();
std::span<const CpuVariant> dense_cpu();
std::span<const CpuVariant> radix_sum_cpu();
std::span<const CpuVariant> r_softmax_cpu();
std::span<const CpuVariant> attention_sum_cpu();
std::span<const CpuVariant> split_attention_cpu();

std::span<const CpuVariants> cpu_variants() {
  static const CpuVariants list[] = {
      {&convolution_op(), convolution_cpu()},
      {&batch_norm_op(), batch_norm_cpu()},
      {&relu_op(), relu_cpu()},
      {&add_op(), add_cpu()},
      {&pooling_op(), pooling_cpu()},
      {&global_average_pool_op(), global_average_pool_cpu()},
      {&dense_op(), dense_cpu()},
      {&radix_sum_op(), radix_sum_cpu()},
      {&r_softmax_op(), r_softmax_cpu()},
      {&attention_sum_op(), attention_sum_cpu()},
      {&split_attention_op(), split_attention_cpu()},
  };
  return list;
}

}  // namespace nestor
