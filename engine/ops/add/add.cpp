#include "engine/ops/add/add.h"

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 2, "{}: {} inputs, expected 2", node.name, inputs.size());
  CHECK(inputs[0] == inputs[1], "{}: cannot add {} and {}", node.name, to_string(inputs[0]),
        to_string(inputs[1]));
  return {{inputs[0], {}, {RowsInUse::By::kLikeInput, 0}}};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  for (std::int64_t i = 0; i < outputs[0].desc.shape.num_elements(); ++i) {
    outputs[0].as<float>()[i] = inputs[0].as<float>()[i] + inputs[1].as<float>()[i];
  }
}

}  // namespace

const Op& add_op() {
  static const Op op{"add", infer, reference, no_multiply_adds, no_description};
  return op;
}

ValueId add(GraphBuilder& builder, ValueId a, ValueId b, std::string_view name) {
  return builder.add(add_op(), {}, {a, b}, name);
}

}  // namespace nestor
