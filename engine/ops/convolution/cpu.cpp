#include <fmt/format.h>

#include <algorithm>

#include "engine/backends/cpu/context.h"
#include "engine/ops/convolution/onednn_convolution.h"
#include "engine/ops/convolution/winograd.h"

namespace nestor {

namespace {

class WinogradKernel : public StepKernel {
 public:
  WinogradKernel(const ConvolutionProblem& problem, const cpu::WinogradKernels& kernels,
                 int threads, CpuBackend& backend)
      : winograd_(problem, kernels, threads),
        has_bias_(problem.params.has_bias),
        suffix_(fmt::format("#winograd{}", kernels.tile)),
        backend_(backend) {}

  std::size_t workspace_bytes() const { return winograd_.workspace_bytes(); }

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    weight_ = backend_.packed_floats(
        constants.name(inputs[1]) + suffix_, winograd_.packed_floats(),
        [&](float* data) { winograd_.pack(constants.value(inputs[1]).data(), data); });
    pointers_.weight = static_cast<const float*>(weight_->get_data_handle());
    if (!has_bias_) return;
    const std::int64_t channels = constants.desc(inputs[2]).shape[0];
    bias_ = backend_.packed_floats(constants.name(inputs[2]), channels, [&](float* data) {
      std::copy_n(constants.value(inputs[2]).data(), channels, data);
    });
    pointers_.bias = static_cast<const float*>(bias_->get_data_handle());
  }

  void bind(const StepPointers& pointers) override {
    pointers_.src = pointers.inputs[0];
    pointers_.dst = pointers.outputs[0];
    pointers_.workspace = static_cast<float*>(pointers.workspace);
  }

  void run(ExecutionContext&) override { winograd_.run(pointers_); }

 private:
  cpu::Winograd winograd_;
  bool has_bias_;
  std::string suffix_;
  CpuBackend& backend_;
  std::shared_ptr<const dnnl::memory> weight_, bias_;
  cpu::WinogradPointers pointers_;
};

// Forced, it does any problem that it can; else those for which it is the better tile.
template <int kTile>
StepChoice winograd(const StepRequest& request, CpuBackend& backend) {
  const Graph& graph = request.graph;
  const Node& node = request.node;
  const ConvolutionProblem problem{.params = params<ConvolutionParams>(node),
                                   .src = graph.desc(node.inputs[0]).shape,
                                   .weight = graph.desc(node.inputs[1]).shape,
                                   .dst = graph.desc(node.outputs[0]).shape,
                                   .precision = request.precision};
  // Without AVX2 its products are four times slower than oneDNN's direct sums.
  const bool wins = cpu::isa() != cpu::Isa::kSse2 && cpu::Winograd::tile_for(problem) == kTile;
  const bool wanted = wins || !request.forced_variant.empty();
  if (!wanted || !cpu::Winograd::supports(problem, cpu::channel_block())) return {};
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  auto kernel = make_kernel<WinogradKernel>(
      problem, cpu::winograd_kernels(cpu::isa(), format.dtype, kTile), request.threads, backend);
  StepChoice choice{
      .variant = {},
      .inputs = std::vector<BufferFormat>(node.inputs.size(), {DType::kFloat32, Layout::kPlain}),
      .outputs = {format},
      .workspace_bytes = kernel->workspace_bytes(),
      .kernel = nullptr};
  choice.inputs[0] = format;
  if (problem.params.has_residual) {
    choice.inplace_input = static_cast<int>(node.inputs.size()) - 1;
    choice.inputs.back() = format;
  }
  choice.kernel = std::move(kernel);
  return choice;
}

// Pooled vectors are float32 whatever the precision, and so is what is computed of them.
DType storage(const StepRequest& request) {
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const bool pooled = src[2] == 1 && src[3] == 1 && !request.available.empty() &&
                      request.available[0].dtype == DType::kFloat32;
  return pooled ? DType::kFloat32 : CpuBackend::activation_format(request.precision).dtype;
}

StepChoice onednn(const StepRequest& request, CpuBackend& backend, Layout src, Layout dst,
                  bool any_implementation) {
  const Graph& graph = request.graph;
  const Node& node = request.node;
  const DType dtype = storage(request);
  return cpu::choose_onednn_convolution({.params = params<ConvolutionParams>(node),
                                         .src = graph.desc(node.inputs[0]).shape,
                                         .weight = graph.desc(node.inputs[1]).shape,
                                         .dst = graph.desc(node.outputs[0]).shape,
                                         .src_format = {dtype, src},
                                         .dst_format = {dtype, dst},
                                         .weight_name = graph.value(node.inputs[1]).name,
                                         .any_implementation = any_implementation},
                                        backend);
}

StepChoice blocked(const StepRequest& request, CpuBackend& backend) {
  // Fewer channels than a block would mostly multiply padding.
  if (request.graph.desc(request.node.inputs[0]).shape[1] < cpu::channel_block()) return {};
  return onednn(request, backend, cpu::blocked_layout(), cpu::blocked_layout(), false);
}

StepChoice plain_to_blocked(const StepRequest& request, CpuBackend& backend) {
  return onednn(request, backend, Layout::kPlain, cpu::blocked_layout(), false);
}

StepChoice nhwc(const StepRequest& request, CpuBackend& backend) {
  return onednn(request, backend, Layout::kNhwc, Layout::kNhwc, false);
}

// Tiles of bfloat16, where the library multiplies with them: only NHWC reaches them.
// Xeon with AMX (family 6, model 207), 1 thread, busy, 2026-12-01:
//   n1_c256_h56_w56_k64_r1_s1_bias_relu_bf16: 0.20 ms, onednn_blocked 2.7
//   n1_c128_h28_w28_k256_r3_s3_g2_bias_relu_bf16: 0.28 ms, winograd4 1.08, onednn_blocked 5.0
// and ResNeSt-50, conversions around split attention included: 15 ms of the processor instead of 62.
StepChoice tiles(const StepRequest& request, CpuBackend& backend) {
  StepChoice choice = nhwc(request, backend);
  return choice.variant.find("amx") == std::string::npos ? StepChoice{} : std::move(choice);
}

StepChoice plain(const StepRequest& request, CpuBackend& backend) {
  return onednn(request, backend, Layout::kPlain, Layout::kPlain, true);
}

}  // namespace

std::span<const CpuVariant> convolution_cpu() {
  static constexpr CpuVariant kVariants[] = {
      {"onednn_tiles", tiles},
      {"winograd4", winograd<4>},
      {"winograd2", winograd<2>},
      {"onednn_blocked", blocked},
      {"onednn_plain_to_blocked", plain_to_blocked},
      {"onednn_nhwc", nhwc},
      {"onednn_plain", plain},
  };
  const std::span<const CpuVariant> all = kVariants;
  return cpu::has_tiles() ? all : all.subspan(1);
}

}  // namespace nestor
