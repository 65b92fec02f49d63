#include "engine/ops/r_softmax/r_softmax.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<RSoftmaxParams>(node);
  CHECK(inputs.size() == 1, "{}: {} inputs, expected 1", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4 && src[2] == 1 && src[3] == 1 && src[1] % (p.radix * p.cardinality) == 0,
        "{}: src is {}, expected [n, multiple of {} * {}, 1, 1]", node.name, src.to_string(),
        p.radix, p.cardinality);
  return {inputs[0]};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<RSoftmaxParams>(node);
  const std::int64_t channels = outputs[0].desc.shape[1];
  for (std::int64_t n = 0; n < outputs[0].desc.shape[0]; ++n) {
    r_softmax(p, channels, inputs[0].as<float>() + n * channels,
              outputs[0].as<float>() + n * channels);
  }
}

std::string describe(const Node& node) {
  const auto& p = params<RSoftmaxParams>(node);
  return fmt::format("radix {} cardinality {}", p.radix, p.cardinality);
}

}  // namespace

void r_softmax(RSoftmaxParams p, std::int64_t channels, const float* src, float* dst) {
  if (p.radix == 1) {
    for (std::int64_t i = 0; i < channels; ++i) {
      dst[i] = static_cast<float>(1.0 / (1.0 + std::exp(-double{src[i]})));
    }
    return;
  }
  const std::int64_t group = channels / (p.radix * p.cardinality);
  for (int k = 0; k < p.cardinality; ++k) {
    for (std::int64_t c = 0; c < group; ++c) {
      const auto logit = [&](int r) { return double{src[(k * p.radix + r) * group + c]}; };
      double largest = logit(0);
      for (int r = 1; r < p.radix; ++r) largest = std::max(largest, logit(r));
      double sum = 0;
      for (int r = 0; r < p.radix; ++r) sum += std::exp(logit(r) - largest);
      for (int r = 0; r < p.radix; ++r) {
        dst[(r * p.cardinality + k) * group + c] =
            static_cast<float>(std::exp(logit(r) - largest) / sum);
      }
    }
  }
}

const Op& r_softmax_op() {
  static const Op op{"r_softmax", infer, reference, no_multiply_adds, describe};
  return op;
}

ValueId r_softmax(GraphBuilder& builder, ValueId src, std::string_view name,
                  RSoftmaxParams params) {
  return builder.add(r_softmax_op(), params, {src}, name);
}

}  // namespace nestor
