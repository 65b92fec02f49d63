#include "engine/ops/convolution/onednn_convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace nestor::cpu {

namespace {

using dnnl::memory;

// Packs weight and bias when the step is loaded.
class ConvolutionKernel : public PrimitiveKernel {
 public:
  ConvolutionKernel(const dnnl::convolution_forward::primitive_desc& description,
                    const OnednnConvolution& problem, CpuBackend& backend,
                    std::vector<Argument> inputs)
      : PrimitiveKernel(dnnl::convolution_forward(description), std::move(inputs),
                        {DNNL_ARG_DST, description.dst_desc()}, description.scratchpad_desc()),
        backend_(backend),
        weight_layout_(description.weights_desc()),
        plain_weight_(plain_weight(problem)),
        flattened_pixels_(problem.flattened_pixels),
        has_bias_(problem.params.has_bias) {}

  // oneDNN's weights have a dimension for the groups if there is more than one.
  static memory::desc plain_weight(const OnednnConvolution& problem) {
    const Shape& w = problem.weight;
    const std::int64_t groups = problem.params.groups;
    if (groups == 1) {
      return {{w[0], w[1], w[2], w[3]}, memory::data_type::f32, memory::format_tag::oihw};
    }
    return {{groups, w[0] / groups, w[1], w[2], w[3]},
            memory::data_type::f32,
            memory::format_tag::goihw};
  }

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const auto pack_weight = [&](const memory::desc& layout) {
      const Constants::Tensor value = constants.value(inputs[1]);
      const std::vector<float> blocked = in_blocks(value);
      const float* const data = blocked.empty() ? value.data() : blocked.data();
      memory plain(plain_weight_, engine(), const_cast<float*>(data));
      memory packed(layout, engine());
      dnnl::stream stream(engine());
      dnnl::reorder(plain, packed).execute(stream, plain, packed);
      stream.wait();
      return packed;
    };
    add_constant(DNNL_ARG_WEIGHTS,
                 backend_.packed(constants.name(inputs[1]), weight_layout_, pack_weight));
    if (!has_bias_) return;
    const std::int64_t channels = constants.desc(inputs[2]).shape[0];
    const memory::desc bias_layout({channels}, memory::data_type::f32, memory::format_tag::x);
    const auto pack_bias = [&](const memory::desc& layout) {
      const Constants::Tensor value = constants.value(inputs[2]);
      memory packed(layout, engine());
      std::memcpy(packed.get_data_handle(), value.data(), value.view().bytes());
      return packed;
    };
    add_constant(DNNL_ARG_BIAS, backend_.packed(constants.name(inputs[2]), bias_layout, pack_bias));
  }

 private:
  // Each filter's weights [channel][pixel] as [block][pixel][channel of the block]; empty if that is
  // the same.
  std::vector<float> in_blocks(const Constants::Tensor& weight) const {
    if (flattened_pixels_ == 1) return {};
    const auto count = static_cast<std::size_t>(weight.view().desc.shape.num_elements());
    const auto block = static_cast<std::size_t>(channel_block());
    const auto pixels = static_cast<std::size_t>(flattened_pixels_);
    std::vector<float> blocked(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t first = i / (block * pixels) * (block * pixels);
      const std::size_t within = i - first;
      blocked[first + within % pixels * block + within / pixels] = weight.data()[i];
    }
    return blocked;
  }

  CpuBackend& backend_;
  memory::desc weight_layout_;
  memory::desc plain_weight_;
  std::int64_t flattened_pixels_;
  bool has_bias_;
};

dnnl::primitive_attr epilogue(const ConvolutionParams& params) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops post_ops;
  if (params.has_residual) post_ops.append_sum(1.0F);
  if (params.swish) post_ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_swish, 1.0F, 0.0F);
  if (params.relu) post_ops.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
  attributes.set_post_ops(post_ops);
  return attributes;
}

// The library's primitive for these formats; empty if there is none.
dnnl::convolution_forward::primitive_desc describe(const OnednnConvolution& problem,
                                                   const memory::desc& weight) {
  const ConvolutionParams& p = problem.params;
  const auto begin_padding = [&](std::size_t axis) {
    return padding(p, problem.src[axis], problem.weight[axis]).before;
  };
  const auto end_padding = [&](std::size_t axis) {
    const std::int64_t reach = p.dilation * (problem.weight[axis] - 1) + 1;
    return std::max<std::int64_t>(
        0, (problem.dst[axis] - 1) * p.stride + reach - problem.src[axis] - begin_padding(axis));
  };
  const memory::desc src = descriptor(problem.src, problem.src_format);
  const memory::desc dst = descriptor(problem.dst, problem.dst_format);
  const memory::desc bias =
      p.has_bias ? memory::desc({problem.dst[1]}, memory::data_type::f32, memory::format_tag::x)
                 : memory::desc();
  const dnnl::convolution_forward::desc operation(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, src, weight, bias,
      dst, {p.stride, p.stride}, {p.dilation - 1, p.dilation - 1},
      {begin_padding(2), begin_padding(3)}, {end_padding(2), end_padding(3)});
  return {operation, epilogue(p), engine(), /*allow_empty=*/true};
}

bool has_plain_loops(const dnnl::convolution_forward::primitive_desc& description) {
  return std::string_view(description.impl_info_str()).starts_with("ref");
}

bool acceptable(const OnednnConvolution& problem,
                const dnnl::convolution_forward::primitive_desc& description) {
  return description && (problem.any_implementation || !has_plain_loops(description));
}

}  // namespace

StepChoice choose_onednn_convolution(const OnednnConvolution& problem, CpuBackend& backend) {
  memory::desc any_weight = ConvolutionKernel::plain_weight(problem);
  any_weight =
      memory::desc(any_weight.dims(), to_dnnl(problem.src_format.dtype), memory::format_tag::any);
  dnnl::convolution_forward::primitive_desc description;
  if (const auto layout = backend.weight_layout(problem.weight_name)) {
    if (layout->dims() == any_weight.dims() && layout->data_type() == any_weight.data_type()) {
      description = describe(problem, *layout);
      // Another number of threads may want another layout: a second copy is better than loops.
      if (description && has_plain_loops(description)) description = {};
    }
  }
  if (!acceptable(problem, description)) description = describe(problem, any_weight);
  if (!acceptable(problem, description)) return {};

  const std::size_t num_inputs =
      2 + std::size_t{problem.params.has_bias} + std::size_t{problem.params.has_residual};
  std::vector<PrimitiveKernel::Argument> arguments(num_inputs);
  arguments[0] = {DNNL_ARG_SRC, description.src_desc()};
  StepChoice choice;
  choice.variant = fmt::format("onednn_{}", description.impl_info_str());
  choice.inputs.assign(num_inputs, {problem.src_format.dtype, Layout::kPlain});
  choice.inputs[0] = problem.src_format;
  if (problem.params.has_bias) choice.inputs[2].dtype = DType::kFloat32;
  choice.outputs = {problem.dst_format};
  if (problem.params.has_residual) {
    choice.inplace_input = static_cast<int>(num_inputs) - 1;
    choice.inputs.back() = problem.dst_format;
  }
  choice.workspace_bytes = description.scratchpad_desc().get_size();
  choice.kernel =
      make_kernel<ConvolutionKernel>(description, problem, backend, std::move(arguments));
  return choice;
}

}  // namespace nestor::cpu
