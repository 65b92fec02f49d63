// Where a sum ends no convolution: squeeze and excitation before a shortcut (SENet), and residual
// branches that users asked for.

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/ops/add/add.h"

namespace nestor {

namespace {

StepChoice onednn(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const dnnl::memory::desc src =
      cpu::descriptor(request.graph.desc(request.node.inputs[0]).shape, format);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::binary::primitive_desc description({dnnl::algorithm::binary_add, src, src, src},
                                                 attributes, cpu::engine());
  StepChoice choice{.variant = std::string("onednn_") + description.impl_info_str(),
                    .inputs = {format, format},
                    .outputs = {format},
                    .workspace_bytes = description.scratchpad_desc().get_size()};
  choice.kernel = make_kernel<cpu::PrimitiveKernel>(
      dnnl::binary(description),
      std::vector<cpu::PrimitiveKernel::Argument>{{DNNL_ARG_SRC_0, src}, {DNNL_ARG_SRC_1, src}},
      cpu::PrimitiveKernel::Argument{DNNL_ARG_DST, src}, description.scratchpad_desc());
  return choice;
}

}  // namespace

std::span<const CpuVariant> add_cpu() {
  static constexpr CpuVariant kVariants[] = {{"onednn", onednn}};
  return kVariants;
}

}  // namespace nestor
