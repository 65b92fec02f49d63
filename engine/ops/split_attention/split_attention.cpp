#include "engine/ops/split_attention/split_attention.h"

#include <fmt/format.h>

#include "engine/check.h"
#include "engine/graph/oracle.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<SplitAttentionParams>(node);
  CHECK(inputs.size() == 5, "{}: {} inputs, expected 5", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4 && src[1] % (p.radix * p.cardinality) == 0,
        "{}: src is {}, expected [n, multiple of {} * {}, h, w]", node.name, src.to_string(),
        p.radix, p.cardinality);
  const std::int64_t width = src[1] / p.radix;
  const std::int64_t hidden = inputs[1].shape[0];
  const Shape expected[] = {{hidden, width / p.cardinality, 1, 1},
                            {hidden},
                            {src[1], hidden / p.cardinality, 1, 1},
                            {src[1]}};
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    CHECK(inputs[i + 1].shape == expected[i], "{}: parameter {} is {}, expected {}", node.name, i,
          inputs[i + 1].shape.to_string(), expected[i].to_string());
  }
  CHECK(!p.gates_only || !p.has_pool, "{}: gates have no pool", node.name);
  if (p.gates_only) return {{inputs[0].dtype, {src[0], src[1], 1, 1}}};
  if (!p.has_pool) return {{inputs[0].dtype, {src[0], width, src[2], src[3]}}};
  return {
      {inputs[0].dtype, {src[0], width, pooled_size(p.pool, src[2]), pooled_size(p.pool, src[3])}}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<SplitAttentionParams>(node);
  const TensorView& src = inputs[0];
  const auto fc = [&](const TensorView& x, std::size_t weight, bool activate) {
    const ConvolutionParams fc_params{.groups = p.cardinality, .has_bias = true, .relu = activate};
    return run_oracle(node, convolution_op(), fc_params, {x, inputs[weight], inputs[weight + 1]});
  };
  const OracleTensor sum = run_oracle(node, radix_sum_op(), RadixSumParams{p.radix}, {src});
  const OracleTensor pooled = run_oracle(node, global_average_pool_op(), {}, {sum.view()});
  const OracleTensor hidden = fc(pooled.view(), 1, true);
  const OracleTensor logits = fc(hidden.view(), 3, false);
  const OracleTensor attention =
      run_oracle(node, r_softmax_op(), RSoftmaxParams{p.radix, p.cardinality}, {logits.view()});
  if (p.gates_only) {
    std::copy(attention.data.begin(), attention.data.end(), outputs[0].as<float>());
    return;
  }
  OracleTensor dst =
      run_oracle(node, attention_sum_op(), AttentionSumParams{p.radix}, {src, attention.view()});
  if (p.has_pool) dst = run_oracle(node, pooling_op(), p.pool, {dst.view()});
  std::copy(dst.data.begin(), dst.data.end(), outputs[0].as<float>());
}

std::int64_t multiply_adds(const Node&, std::span<const TensorDesc> inputs,
                           std::span<const TensorDesc>) {
  return inputs[0].shape[0] * (inputs[1].shape.num_elements() + inputs[3].shape.num_elements());
}

std::string describe(const Node& node) {
  const auto& p = params<SplitAttentionParams>(node);
  std::string text = fmt::format("radix {} cardinality {}", p.radix, p.cardinality);
  if (p.gates_only) text += " gates";
  if (p.has_pool) text += fmt::format(" +avd s{}", p.pool.stride);
  return text;
}

}  // namespace

const Op& split_attention_op() {
  static const Op op{"split_attention", infer, reference, multiply_adds, describe};
  return op;
}

}  // namespace nestor
