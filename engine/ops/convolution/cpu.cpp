#include "engine/ops/convolution/onednn_convolution.h"

namespace nestor {

namespace {

StepChoice onednn(const StepRequest& request, CpuBackend& backend, Layout src, Layout dst,
                  bool any_implementation) {
  const Graph& graph = request.graph;
  const Node& node = request.node;
  const DType dtype = CpuBackend::activation_format(request.precision).dtype;
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

StepChoice plain(const StepRequest& request, CpuBackend& backend) {
  return onednn(request, backend, Layout::kPlain, Layout::kPlain, true);
}

}  // namespace

std::span<const CpuVariant> convolution_cpu() {
  static constexpr CpuVariant kVariants[] = {
      {"onednn_blocked", blocked},
      {"onednn_plain_to_blocked", plain_to_blocked},
      {"onednn_nhwc", nhwc},
      {"onednn_plain", plain},
  };
  return kVariants;
}

}  // namespace nestor
