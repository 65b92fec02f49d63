// The list of what CUDA devices can run.

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

// Each is defined in engine/ops/<op>/cuda.cpp.
std::span<const CudaVariant> convolution_cuda();
std::string convolution_problem(const StepRequest& request);
std::span<const CudaVariant> batch_norm_cuda();
std::span<const CudaVariant> relu_cuda();
std::span<const CudaVariant> add_cuda();
std::span<const CudaVariant> pooling_cuda();
std::span<const CudaVariant> global_average_pool_cuda();
std::span<const CudaVariant> dense_cuda();
std::span<const CudaVariant> radix_sum_cuda();
std::span<const CudaVariant> r_softmax_cuda();
std::span<const CudaVariant> attention_sum_cuda();
std::span<const CudaVariant> split_attention_cuda();
std::span<const CudaVariant> fused_convolution_cuda();
std::string fused_convolution_problem(const StepRequest& request);

std::span<const CudaVariants> cuda_variants() {
  static const CudaVariants list[] = {
      {&convolution_op(), convolution_cuda(), convolution_problem},
      {&batch_norm_op(), batch_norm_cuda()},
      {&relu_op(), relu_cuda()},
      {&add_op(), add_cuda()},
      {&pooling_op(), pooling_cuda()},
      {&global_average_pool_op(), global_average_pool_cuda()},
      {&dense_op(), dense_cuda()},
      {&radix_sum_op(), radix_sum_cuda()},
      {&r_softmax_op(), r_softmax_cuda()},
      {&attention_sum_op(), attention_sum_cuda()},
      {&split_attention_op(), split_attention_cuda()},
      {&fused_convolution_op(), fused_convolution_cuda(), fused_convolution_problem},
  };
  return list;
}

}  // namespace nestor
