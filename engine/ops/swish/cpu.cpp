// Only where users asked for what comes before it; elsewhere it ends a convolution.

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/ops/swish/swish.h"

namespace nestor {

namespace {

StepChoice onednn(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const dnnl::memory::desc src =
      cpu::descriptor(request.graph.desc(request.node.inputs[0]).shape, format);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::eltwise_forward::primitive_desc description(
      {dnnl::prop_kind::forward_inference, dnnl::algorithm::eltwise_swish, src, 1.0F, 0.0F},
      attributes, cpu::engine());
  StepChoice choice{.variant = std::string("onednn_") + description.impl_info_str(),
                    .inputs = {format},
                    .outputs = {format},
                    .workspace_bytes = description.scratchpad_desc().get_size()};
  choice.kernel = std::make_unique<cpu::PrimitiveKernel>(
      dnnl::eltwise_forward(description),
      std::vector<cpu::PrimitiveKernel::Argument>{{DNNL_ARG_SRC, src}},
      cpu::PrimitiveKernel::Argument{DNNL_ARG_DST, src}, description.scratchpad_desc());
  return choice;
}

}  // namespace

std::span<const CpuVariant> swish_cpu() {
  static constexpr CpuVariant kVariants[] = {{"onednn", onednn}};
  return kVariants;
}

}  // namespace nestor
