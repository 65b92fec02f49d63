#include <algorithm>

#include "engine/backends/cuda/planned_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/cuda_tiles.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

namespace {

constexpr int kFirstWithMma16 = 75;  // mma.sync m16n8k8

// The radix of the split attention that alone reads the convolution's result and wants its sums
// over pixels; 0 where there is none.
int feeds_radix(const StepRequest& request) {
  const ValueId dst = request.node.outputs[0];
  if (request.graph.is_output(dst)) return 0;
  int radix = 0;
  for (const Node& node : request.graph.nodes) {
    if (std::ranges::count(node.inputs, dst) == 0) continue;
    if (node.op != &split_attention_op() || node.inputs[0] != dst) return 0;
    radix = params<SplitAttentionParams>(node).radix;
  }
  return radix;
}

cuda::GemmProblem gemm_problem(const StepRequest& request, const StepChoice& choice,
                               const CudaBackend& backend) {
  const auto& p = params<ConvolutionParams>(request.node);
  const Shape& weight = request.graph.desc(request.node.inputs[1]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const std::int64_t taps = weight[2] * weight[3];
  return {.m = dst[0] * dst[2] * dst[3],
          .n = dst[1] / p.groups,
          .k = taps * cuda::padded8(weight[1]),
          .groups = p.groups,
          .taps = static_cast<int>(taps),
          .half = request.precision == Precision::kFp16,
          .tensor_bytes = cuda::tensor_bytes(request, choice, backend),
          .weight_bytes = cuda::constant_bytes(request, choice, backend)};
}

// One product a group: rows are pixels of dst, columns its channels, k runs over taps and then
// channels of src.
StepChoice implicit_gemm(const StepRequest& request, CudaBackend& backend,
                         std::span<const cuda::GemmTile> tiles) {
  StepChoice choice = cuda::activation_choice(request);
  choice.inputs[1] = {choice.inputs[0].dtype, Layout::kPlain};
  const cuda::GemmProblem problem = gemm_problem(request, choice, backend);
  const cuda::GemmChoice gemm = cuda::choose_gemm(problem, tiles, backend.spec());
  if (gemm.us == 0) return {};
  if (const int radix = feeds_radix(request); radix > 0) {
    choice.output.sums_tile = gemm.tile.m;
    choice.output.sums_parts = radix;
  }
  choice.workspace_bytes = static_cast<std::size_t>(gemm.workspace_bytes);
  choice.gpu = GpuLaunch{
      .grid = {gemm.m_tiles, gemm.n_tiles, problem.groups * gemm.split},
      .block = gemm.tile.threads(),
      .shared_bytes = gemm.tile.shared_bytes(problem.half),
      .waves = gemm.waves,
      .tile = cuda::to_string(gemm),
      .workspace_traffic_bytes = 2 * gemm.workspace_bytes,
      .modelled_us = gemm.us,
  };
  choice.kernel = std::make_unique<cuda::PlannedKernel>(backend, request.node.name);
  return choice;
}

StepChoice sm70(const StepRequest& request, CudaBackend& backend) {
  const bool fits = request.precision == Precision::kFp16 && backend.spec().sm < kFirstWithMma16;
  return fits ? implicit_gemm(request, backend, cuda::kVoltaTiles) : StepChoice{};
}

StepChoice sm80(const StepRequest& request, CudaBackend& backend) {
  const bool fits = request.precision == Precision::kFp16 && backend.spec().sm >= kFirstWithMma16;
  return fits ? implicit_gemm(request, backend, cuda::kAmpereTiles) : StepChoice{};
}

StepChoice fp32(const StepRequest& request, CudaBackend& backend) {
  const bool fits = request.precision == Precision::kFp32;
  return fits ? implicit_gemm(request, backend, cuda::kFloatTiles) : StepChoice{};
}

}  // namespace

std::span<const CudaVariant> convolution_cuda() {
  static constexpr CudaVariant kVariants[] = {
      {"implicit_gemm_sm80", sm80}, {"implicit_gemm_sm70", sm70}, {"implicit_gemm_fp32", fp32}};
  return kVariants;
}

}  // namespace nestor
