#include "engine/ops/swish/swish.h"

#include <cmath>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 1, "{}: {} inputs, expected 1", node.name, inputs.size());
  return {{inputs[0], {}, {RowsInUse::By::kLikeInput, 0}}};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const float* src = inputs[0].as<float>();
  for (std::int64_t i = 0; i < outputs[0].desc.shape.num_elements(); ++i) {
    outputs[0].as<float>()[i] = static_cast<float>(swish(double{src[i]}));
  }
}

}  // namespace

const Op& swish_op() {
  static const Op op{"swish", infer, reference, no_multiply_adds, no_description};
  return op;
}

ValueId swish(GraphBuilder& builder, ValueId src, std::string_view name) {
  return builder.add(swish_op(), {}, {src}, name);
}

double swish(double x) { return x / (1 + std::exp(-x)); }

}  // namespace nestor
