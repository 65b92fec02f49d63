#include "engine/ops/image_bias/image_bias.h"

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 2, "{}: {} inputs, expected 2", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4, "{}: src {} must have four dimensions", node.name, src.to_string());
  const Shape expected{src[0], src[1], 1, 1};
  CHECK(inputs[1].shape == expected, "{}: bias is {}, expected {}", node.name,
        inputs[1].shape.to_string(), expected.to_string());
  return {inputs[0]};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& shape = outputs[0].desc.shape;
  const std::int64_t pixels = shape[2] * shape[3];
  for (std::int64_t i = 0; i < shape.num_elements(); ++i) {
    outputs[0].as<float>()[i] = inputs[0].as<float>()[i] + inputs[1].as<float>()[i / pixels];
  }
}

}  // namespace

const Op& image_bias_op() {
  static const Op op{"image_bias", infer, reference, no_multiply_adds, no_description};
  return op;
}

}  // namespace nestor
