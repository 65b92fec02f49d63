#include "engine/ops/radix_sum/radix_sum.h"

#include <fmt/format.h>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const int radix = params<RadixSumParams>(node).radix;
  CHECK(inputs.size() == 1, "{}: {} inputs, expected 1", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4 && radix > 0 && src[1] % radix == 0,
        "{}: src {} must have four dimensions and a multiple of {} channels", node.name,
        src.to_string(), radix);
  return {{inputs[0].dtype, {src[0], src[1] / radix, src[2], src[3]}}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const int radix = params<RadixSumParams>(node).radix;
  const Shape& dst = outputs[0].desc.shape;
  const std::int64_t split = dst[1] * dst[2] * dst[3];
  for (std::int64_t n = 0; n < dst[0]; ++n) {
    for (std::int64_t i = 0; i < split; ++i) {
      double sum = 0;
      for (int r = 0; r < radix; ++r) sum += inputs[0].as<float>()[(n * radix + r) * split + i];
      outputs[0].as<float>()[n * split + i] = static_cast<float>(sum);
    }
  }
}

std::string describe(const Node& node) {
  return fmt::format("radix {}", params<RadixSumParams>(node).radix);
}

}  // namespace

const Op& radix_sum_op() {
  static const Op op{"radix_sum", infer, reference, no_multiply_adds, describe};
  return op;
}

ValueId radix_sum(GraphBuilder& builder, ValueId src, std::string_view name,
                  RadixSumParams params) {
  return builder.add(radix_sum_op(), params, {src}, name);
}

}  // namespace nestor
