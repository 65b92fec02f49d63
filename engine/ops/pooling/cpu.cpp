#include <algorithm>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/ops/pooling/pooling.h"

namespace nestor {

namespace {

dnnl::algorithm algorithm(const PoolingParams& params) {
  if (params.kind == PoolingParams::Kind::kMax) return dnnl::algorithm::pooling_max;
  return params.count_include_pad ? dnnl::algorithm::pooling_avg_include_padding
                                  : dnnl::algorithm::pooling_avg_exclude_padding;
}

StepChoice onednn(const StepRequest& request, CpuBackend&) {
  const auto& p = params<PoolingParams>(request.node);
  const Shape& src_shape = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst_shape = request.graph.desc(request.node.outputs[0]).shape;
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const dnnl::memory::desc src = cpu::descriptor(src_shape, format);
  const dnnl::memory::desc dst = cpu::descriptor(dst_shape, format);
  const auto end_padding = [&](std::size_t axis) {
    return std::max<std::int64_t>(
        0, (dst_shape[axis] - 1) * p.stride + p.kernel - src_shape[axis] - p.pad);
  };
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::pooling_forward::desc operation(dnnl::prop_kind::forward_inference, algorithm(p), src,
                                              dst, {p.stride, p.stride}, {p.kernel, p.kernel},
                                              {p.pad, p.pad}, {end_padding(2), end_padding(3)});
  const dnnl::pooling_forward::primitive_desc description(operation, attributes, cpu::engine(),
                                                          /*allow_empty=*/true);
  if (!description) return {};
  StepChoice choice{.variant = std::string("onednn_") + description.impl_info_str(),
                    .inputs = {format},
                    .outputs = {format},
                    .workspace_bytes = description.scratchpad_desc().get_size()};
  choice.kernel = make_kernel<cpu::PrimitiveKernel>(
      dnnl::pooling_forward(description),
      std::vector<cpu::PrimitiveKernel::Argument>{{DNNL_ARG_SRC, src}},
      cpu::PrimitiveKernel::Argument{DNNL_ARG_DST, dst}, description.scratchpad_desc());
  return choice;
}

}  // namespace

std::span<const CpuVariant> pooling_cpu() {
  static constexpr CpuVariant kVariants[] = {{"onednn", onednn}};
  return kVariants;
}

}  // namespace nestor
