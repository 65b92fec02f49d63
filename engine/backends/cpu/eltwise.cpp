#include "engine/backends/cpu/eltwise.h"

namespace nestor {

StepChoice cpu::eltwise(const StepRequest& request, dnnl::algorithm algorithm, float alpha) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const dnnl::memory::desc src =
      descriptor(request.graph.desc(request.node.inputs[0]).shape, format);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::eltwise_forward::primitive_desc description(
      {dnnl::prop_kind::forward_inference, algorithm, src, alpha, 0.0F}, attributes, engine());
  StepChoice choice{.variant = std::string("onednn_") + description.impl_info_str(),
                    .inputs = {format},
                    .outputs = {format},
                    .workspace_bytes = description.scratchpad_desc().get_size()};
  choice.kernel = make_kernel<PrimitiveKernel>(
      dnnl::eltwise_forward(description),
      std::vector<PrimitiveKernel::Argument>{{DNNL_ARG_SRC, src}},
      PrimitiveKernel::Argument{DNNL_ARG_DST, src}, description.scratchpad_desc());
  return choice;
}

}  // namespace nestor
