#include "engine/ops/convolution/convolution.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/check.h"
#include "engine/ops/swish/swish.h"

namespace nestor {

namespace {

std::int64_t reach(const ConvolutionParams& p, std::int64_t taps) {
  return p.dilation * (taps - 1) + 1;
}

}  // namespace

Padding padding(const ConvolutionParams& p, std::int64_t size, std::int64_t taps) {
  if (!p.same) return {p.pad, p.pad};
  const std::int64_t last = (size + p.stride - 1) / p.stride - 1;  // of dst
  const std::int64_t zeros = std::max<std::int64_t>(last * p.stride + reach(p, taps) - size, 0);
  return {zeros / 2, zeros - zeros / 2};
}

std::int64_t convolved_size(const ConvolutionParams& p, std::int64_t size, std::int64_t taps) {
  const auto [before, after] = padding(p, size, taps);
  const std::int64_t room = size + before + after - reach(p, taps);
  return room < 0 ? 0 : room / p.stride + 1;
}

namespace {

float activated(const ConvolutionParams& p, double x) {
  if (p.swish) return static_cast<float>(swish(x));
  return static_cast<float>(p.relu && x < 0 ? 0.0 : x);
}

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<ConvolutionParams>(node);
  const std::size_t expected = 2 + std::size_t{p.has_bias} + std::size_t{p.has_residual};
  CHECK(inputs.size() == expected, "{}: {} inputs, expected {}", node.name, inputs.size(),
        expected);
  const Shape& src = inputs[0].shape;
  const Shape& weight = inputs[1].shape;
  CHECK(src.rank() == 4 && weight.rank() == 4, "{}: src {} and weight {} must have four dimensions",
        node.name, src.to_string(), weight.to_string());
  CHECK(p.groups > 0 && weight[1] * p.groups == src[1] && weight[0] % p.groups == 0,
        "{}: src has {} channels, weight {} in {} groups expects {}", node.name, src[1],
        weight.to_string(), p.groups, weight[1] * p.groups);
  Shape dst{src[0], weight[0], 0, 0};
  for (const std::size_t axis : {std::size_t{2}, std::size_t{3}}) {
    dst[axis] = convolved_size(p, src[axis], weight[axis]);
    CHECK(dst[axis] > 0, "{}: the filter reaches over {} pixels, the padded src has {}", node.name,
          reach(p, weight[axis]), src[axis] + 2 * p.pad);
  }
  CHECK(!p.relu || !p.swish, "{}: two activations", node.name);
  CHECK(!p.has_bias || inputs[2].shape == Shape{weight[0]}, "{}: bias is {}, expected [{}]",
        node.name, inputs[2].shape.to_string(), weight[0]);
  CHECK(!p.has_residual || inputs.back().shape == dst, "{}: residual is {}, expected {}", node.name,
        inputs.back().shape.to_string(), dst.to_string());
  return {{{inputs[0].dtype, dst}, {}, {RowsInUse::By::kLikeItems, 0}}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<ConvolutionParams>(node);
  const Shape& x = inputs[0].desc.shape;
  const Shape& f = inputs[1].desc.shape;
  const Shape& y = outputs[0].desc.shape;
  const float* src = inputs[0].as<float>();
  const float* weight = inputs[1].as<float>();
  const float* bias = p.has_bias ? inputs[2].as<float>() : nullptr;
  const float* residual = p.has_residual ? inputs.back().as<float>() : nullptr;
  float* dst = outputs[0].as<float>();
  const std::int64_t group_outputs = y[1] / p.groups;
  const std::int64_t above = padding(p, x[2], f[2]).before, left = padding(p, x[3], f[3]).before;
  for (std::int64_t n = 0; n < y[0]; ++n) {
    for (std::int64_t k = 0; k < y[1]; ++k) {
      const std::int64_t first_channel = k / group_outputs * f[1];
      for (std::int64_t out_row = 0; out_row < y[2]; ++out_row) {
        for (std::int64_t out_col = 0; out_col < y[3]; ++out_col) {
          double sum = bias != nullptr ? bias[k] : 0.0;
          for (std::int64_t c = 0; c < f[1]; ++c) {
            for (std::int64_t r = 0; r < f[2]; ++r) {
              const std::int64_t row = out_row * p.stride - above + r * p.dilation;
              if (row < 0 || row >= x[2]) continue;
              for (std::int64_t s = 0; s < f[3]; ++s) {
                const std::int64_t col = out_col * p.stride - left + s * p.dilation;
                if (col < 0 || col >= x[3]) continue;
                const float pixel = src[((n * x[1] + first_channel + c) * x[2] + row) * x[3] + col];
                sum += double{pixel} * weight[((k * f[1] + c) * f[2] + r) * f[3] + s];
              }
            }
          }
          const std::int64_t idx = ((n * y[1] + k) * y[2] + out_row) * y[3] + out_col;
          if (residual != nullptr) sum += residual[idx];
          dst[idx] = activated(p, sum);
        }
      }
    }
  }
}

std::int64_t multiply_adds(const Node&, std::span<const TensorDesc> inputs,
                           std::span<const TensorDesc> outputs) {
  const Shape& weight = inputs[1].shape;
  return outputs[0].shape.num_elements() * weight[1] * weight[2] * weight[3];
}

std::string describe(const Node& node) {
  const auto& p = params<ConvolutionParams>(node);
  std::string text =
      p.same ? fmt::format("s{} same", p.stride) : fmt::format("s{} p{}", p.stride, p.pad);
  if (p.dilation != 1) text += fmt::format(" d{}", p.dilation);
  if (p.groups != 1) text += fmt::format(" g{}", p.groups);
  if (p.has_bias) text += " +bias";
  if (p.has_residual) text += " +residual";
  if (p.relu) text += " relu";
  if (p.swish) text += " swish";
  return text;
}

}  // namespace

const Op& convolution_op() {
  static const Op op{"convolution", infer, reference, multiply_adds, describe};
  return op;
}

std::vector<ValueId> convolution_weights(GraphBuilder& builder, std::string_view name,
                                         std::int64_t src_channels, const ConvolutionSpec& spec) {
  const GraphBuilder::Scope scope(builder, name);
  std::vector<ValueId> weights{builder.weight(
      "weight", {spec.channels, src_channels / spec.groups, spec.kernel, spec.kernel})};
  if (spec.bias) weights.push_back(builder.weight("bias", {spec.channels}));
  return weights;
}

ValueId convolution(GraphBuilder& builder, ValueId src, std::string_view name,
                    const ConvolutionSpec& spec) {
  const std::vector<ValueId> weights =
      convolution_weights(builder, name, builder.shape(src)[1], spec);
  return convolution(builder, src, weights, name, spec);
}

ValueId convolution(GraphBuilder& builder, ValueId src, std::span<const ValueId> weights,
                    std::string_view name, const ConvolutionSpec& spec) {
  std::vector<ValueId> inputs{src};
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  const ConvolutionParams params{.stride = spec.stride,
                                 .pad = spec.pad,
                                 .dilation = spec.dilation,
                                 .groups = spec.groups,
                                 .has_bias = spec.bias,
                                 .same = spec.same};
  return builder.add(convolution_op(), params, std::move(inputs), name);
}

}  // namespace nestor
