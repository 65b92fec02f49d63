#include "engine/ops/attention_sum/attention_sum.h"

#include <fmt/format.h>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const int radix = params<AttentionSumParams>(node).radix;
  CHECK(inputs.size() == 2, "{}: {} inputs, expected 2", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4 && radix > 0 && src[1] % radix == 0,
        "{}: src {} must have four dimensions and a multiple of {} channels", node.name,
        src.to_string(), radix);
  CHECK((inputs[1].shape == Shape{src[0], src[1], 1, 1}),
        "{}: attention is {}, expected [{}, {}, 1, 1]", node.name, inputs[1].shape.to_string(),
        src[0], src[1]);
  return {{inputs[0].dtype, {src[0], src[1] / radix, src[2], src[3]}}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const int radix = params<AttentionSumParams>(node).radix;
  const Shape& dst = outputs[0].desc.shape;
  const std::int64_t pixels = dst[2] * dst[3];
  for (std::int64_t n = 0; n < dst[0]; ++n) {
    for (std::int64_t i = 0; i < dst[1] * pixels; ++i) {
      double sum = 0;
      for (int r = 0; r < radix; ++r) {
        const std::int64_t split = n * radix + r;
        sum += double{inputs[1].as<float>()[split * dst[1] + i / pixels]} *
               inputs[0].as<float>()[split * dst[1] * pixels + i];
      }
      outputs[0].as<float>()[n * dst[1] * pixels + i] = static_cast<float>(sum);
    }
  }
}

std::string describe(const Node& node) {
  return fmt::format("radix {}", params<AttentionSumParams>(node).radix);
}

}  // namespace

const Op& attention_sum_op() {
  static const Op op{"attention_sum", infer, reference, no_multiply_adds, describe};
  return op;
}

ValueId attention_sum(GraphBuilder& builder, ValueId src, ValueId attention, std::string_view name,
                      AttentionSumParams params) {
  return builder.add(attention_sum_op(), params, {src, attention}, name);
}

}  // namespace nestor
