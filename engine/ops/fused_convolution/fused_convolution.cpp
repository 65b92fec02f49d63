#include "engine/ops/fused_convolution/fused_convolution.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/check.h"
#include "engine/graph/oracle.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/convolution/convolution.h"

namespace nestor {

FusedConvolutionInputs fused_convolution_inputs(const FusedConvolutionParams& p) {
  FusedConvolutionInputs at{};
  at.gates = 3;
  at.shortcut = at.gates + std::size_t{p.source.radix > 0};
  at.shortcut_weight = at.shortcut + 1;
  at.residual = at.shortcut + (p.has_shortcut ? 2 : 0);
  at.count = at.residual + std::size_t{p.has_residual};
  return at;
}

namespace {

// Of what the 1x1 convolution multiplies.
Shape loaded_shape(const Node& node, const FusedSource& source, const Shape& src) {
  CHECK(src.rank() == 4 && source.stride >= 1 && source.radix >= 0 &&
            src[1] % std::max(1, source.radix) == 0,
        "{}: src is {}, expected [n, multiple of {}, h, w]", node.name, src.to_string(),
        std::max(1, source.radix));
  CHECK(
      !source.has_pool || (source.pool.kind == PoolingParams::Kind::kAverage && source.stride == 1),
      "{}: expected an average pool, without a stride behind it", node.name);
  const auto size = [&](std::int64_t extent) {
    return source.has_pool ? pooled_size(source.pool, extent) : (extent - 1) / source.stride + 1;
  };
  return {src[0], src[1] / std::max(1, source.radix), size(src[2]), size(src[3])};
}

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<FusedConvolutionParams>(node);
  const FusedConvolutionInputs at = fused_convolution_inputs(p);
  CHECK(inputs.size() == at.count, "{}: {} inputs, expected {}", node.name, inputs.size(),
        at.count);
  CHECK(!(p.has_shortcut && p.has_residual) && p.shortcut.radix == 0,
        "{}: expected a shortcut without gates, or a residual, not both", node.name);
  const Shape& weight = inputs[1].shape;
  const Shape a = loaded_shape(node, p.source, inputs[0].shape);
  CHECK((weight == Shape{weight[0], a[1], 1, 1}), "{}: weight is {}, expected [k, {}, 1, 1]",
        node.name, weight.to_string(), a[1]);
  CHECK(inputs[2].shape == Shape{weight[0]}, "{}: bias is {}, expected [{}]", node.name,
        inputs[2].shape.to_string(), weight[0]);
  const Shape dst{a[0], weight[0], a[2], a[3]};
  if (p.source.radix > 0) {
    const Shape expected{a[0], inputs[0].shape[1], 1, 1};
    CHECK(inputs[at.gates].shape == expected, "{}: gates are {}, expected {}", node.name,
          inputs[at.gates].shape.to_string(), expected.to_string());
  }
  if (p.has_shortcut) {
    const Shape b = loaded_shape(node, p.shortcut, inputs[at.shortcut].shape);
    const Shape expected_weight{weight[0], b[1], 1, 1};
    CHECK((b == Shape{a[0], b[1], a[2], a[3]}), "{}: the shortcut is {}, expected {} pixels",
          node.name, b.to_string(), a.to_string());
    CHECK(inputs[at.shortcut_weight].shape == expected_weight,
          "{}: the shortcut's weight is {}, expected {}", node.name,
          inputs[at.shortcut_weight].shape.to_string(), expected_weight.to_string());
  }
  CHECK(!p.has_residual || inputs[at.residual].shape == dst, "{}: residual is {}, expected {}",
        node.name, inputs[at.residual].shape.to_string(), dst.to_string());
  return {{inputs[0].dtype, dst}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<FusedConvolutionParams>(node);
  const FusedConvolutionInputs at = fused_convolution_inputs(p);
  // 1x1 of what is loaded; `more`: bias and residual.
  const auto convolve = [&](const FusedSource& source, TensorView src, std::vector<TensorView> more,
                            ConvolutionParams conv) {
    OracleTensor weighted, pooled;
    if (source.radix > 0) {
      weighted = run_oracle(node, attention_sum_op(), AttentionSumParams{source.radix},
                            {src, inputs[at.gates]});
      src = weighted.view();
    }
    if (source.has_pool) {
      pooled = run_oracle(node, pooling_op(), source.pool, {src});
      src = pooled.view();
    }
    more.insert(more.begin(), src);
    conv.stride = source.stride;
    return run_oracle(node, convolution_op(), conv, more);
  };
  std::vector<TensorView> more{inputs[1], inputs[2]};
  OracleTensor shortcut;
  if (p.has_shortcut) {
    shortcut = convolve(p.shortcut, inputs[at.shortcut], {inputs[at.shortcut_weight]}, {});
    more.push_back(shortcut.view());
  }
  if (p.has_residual) more.push_back(inputs[at.residual]);
  const ConvolutionParams conv{
      .has_bias = true, .has_residual = p.has_residual || p.has_shortcut, .relu = p.relu};
  const OracleTensor dst = convolve(p.source, inputs[0], more, conv);
  std::copy(dst.data.begin(), dst.data.end(), outputs[0].as<float>());
}

std::int64_t multiply_adds(const Node& node, std::span<const TensorDesc> inputs,
                           std::span<const TensorDesc> outputs) {
  const auto& p = params<FusedConvolutionParams>(node);
  std::int64_t channels = inputs[1].shape[1];
  if (p.has_shortcut) {
    channels += inputs[fused_convolution_inputs(p).shortcut_weight].shape[1];
  }
  return outputs[0].shape.num_elements() * channels;
}

std::string describe_source(const FusedSource& source) {
  std::string text;
  if (source.radix > 0) text += fmt::format(" weighted x{}", source.radix);
  if (source.has_pool) text += fmt::format(" pool{} s{}", source.pool.kernel, source.pool.stride);
  if (source.stride > 1) text += fmt::format(" s{}", source.stride);
  return text;
}

std::string describe(const Node& node) {
  const auto& p = params<FusedConvolutionParams>(node);
  std::string text =
      "of" + (describe_source(p.source).empty() ? " src" : describe_source(p.source));
  if (p.has_shortcut) text += " +shortcut" + describe_source(p.shortcut);
  if (p.has_residual) text += " +residual";
  if (p.relu) text += " relu";
  return text;
}

}  // namespace

const Op& fused_convolution_op() {
  static const Op op{"fused_convolution", infer, reference, multiply_adds, describe};
  return op;
}

}  // namespace nestor
