// The convolution's variants for CUDA: one for each MMA family of kernels/convolution, whose tile and
// split-K the model chooses, and those for special shapes (cuda_stem.cpp, cuda_depthwise.cpp,
// cuda_vectors.cpp, cuda_max_pool.cpp).

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/backends/cuda/step.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/cuda_convolution.h"
#include "engine/ops/convolution/cuda_implicit_gemm.h"
#include "engine/ops/convolution/problem.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

namespace {

// The radix of the split attention that reads the convolution's result and wants its sums over
// pixels; 0 if there is none, or who else reads it cannot leave the sums alone, or only some rows
// are in use.
int feeds_radix(const StepRequest& request) {
  const ValueId dst = request.node.outputs[0];
  if (request.graph.is_output(dst) || request.graph.value(dst).count >= 0) return 0;
  int radix = 0;
  for (const Node& node : request.graph.nodes) {
    if (std::ranges::count(node.inputs, dst) == 0) continue;
    if (node.op == &fused_convolution_op()) continue;  // weights what the gates are for
    if (node.op != &split_attention_op() || node.inputs[0] != dst) return 0;
    radix = params<SplitAttentionParams>(node).radix;
  }
  return radix;
}

cuda::GemmStep gemm_step(const StepRequest& request) {
  const ConvolutionShape shape = cuda::convolution_shape(request);
  const int radix = feeds_radix(request);
  const bool has_sums = radix > 0 && shape.k % (8 * radix) == 0;
  return {.shape = shape,
          .params = params<ConvolutionParams>(request.node),
          .radix = has_sums ? radix : 0};
}

template <MmaFamily kFamily>
StepChoice on_family(const StepRequest& request, CudaBackend& backend) {
  return cuda::implicit_gemm(request, backend, kFamily, gemm_step(request));
}

template <MmaFamily kFamily>
std::vector<TunedChoice> tiles(const StepRequest& request, CudaBackend& backend) {
  return cuda::gemm_tiles(request, backend, kFamily, gemm_step(request));
}

}  // namespace

namespace cuda {

ConvolutionShape convolution_shape(const StepRequest& request) {
  const auto narrow = [](std::int64_t value) { return static_cast<int>(value); };
  const auto& p = params<ConvolutionParams>(request.node);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& weight = request.graph.desc(request.node.inputs[1]).shape;
  return {.n = narrow(src[0]),
          .h = narrow(src[2]),
          .w = narrow(src[3]),
          .c = narrow(src[1]),
          .k = narrow(weight[0]),
          .r = narrow(weight[2]),
          .s = narrow(weight[3]),
          .stride = p.stride,
          .pad = p.pad,
          .dilation = p.dilation,
          .groups = p.groups,
          .same = p.same};
}

Activation activation_of(const ConvolutionParams& params) {
  return params.relu ? Activation::kRelu : params.swish ? Activation::kSwish : Activation::kNone;
}

StepChoice convolution_on_tensor_cores(const StepRequest& request, CudaBackend& backend) {
  return implicit_gemm(request, backend, tensor_family(backend.spec().sm), gemm_step(request));
}

}  // namespace cuda

namespace {

// As problem.h writes them, "_sums2" if the result is pooled for a split attention of radix 2, and
// "_maxpool" if the stem's maximum reads it.
std::string convolution_problem(const StepRequest& request) {
  ConvolutionProblem problem{.params = params<ConvolutionParams>(request.node),
                             .src = request.graph.desc(request.node.inputs[0]).shape,
                             .weight = request.graph.desc(request.node.inputs[1]).shape,
                             .dst = {},
                             .precision = request.precision};
  if (request.deterministic) {
    problem.src[0] = cuda::kDeterministicBatch * request.graph.items(request.node.inputs[0]);
  }
  const int radix = feeds_radix(request);
  return to_string(problem) + (radix > 0 ? fmt::format("_sums{}", radix) : "") +
         (cuda::max_pool_of(request) != nullptr ? "_maxpool" : "");
}

// Those for special shapes, then one of each family.
template <std::size_t... kRow>
CudaVariants variants(std::index_sequence<kRow...>) {
  static constexpr CudaVariant kVariants[] = {
      {"stem_convolution_mma", cuda::stem_convolution_mma},
      {"stem_convolution", cuda::stem_convolution},
      {"depthwise_convolution", cuda::depthwise_convolution},
      {"convolution_of_vectors", cuda::convolution_of_vectors},
      {"convolution_max_pool", cuda::convolution_max_pool},
      {kMmaFamilies[kRow].variant, on_family<kMmaFamilies[kRow].family>,
       tiles<kMmaFamilies[kRow].family>}...,
  };
  return {kVariants, convolution_problem};
}

}  // namespace

CudaVariants convolution_cuda() { return variants(std::make_index_sequence<kNumMmaFamilies>()); }

}  // namespace nestor
