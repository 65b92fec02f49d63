#include "engine/ops/upsample_add/upsample_add.h"

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 2, "{}: {} inputs, expected 2", node.name, inputs.size());
  const Shape& fine = inputs[0].shape;
  CHECK(fine.rank() == 4, "{}: lateral {} must have four dimensions", node.name, fine.to_string());
  TensorDesc expected = inputs[0];
  expected.shape[2] = (fine[2] + 1) / 2;
  expected.shape[3] = (fine[3] + 1) / 2;
  CHECK(inputs[1] == expected, "{}: coarse is {}, expected {} for a lateral of {}", node.name,
        to_string(inputs[1]), to_string(expected), to_string(inputs[0]));
  return {inputs[0]};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& fine = inputs[0].desc.shape;
  const Shape& coarse = inputs[1].desc.shape;
  const float* lateral = inputs[0].as<float>();
  float* dst = outputs[0].as<float>();
  for (std::int64_t plane = 0; plane < fine[0] * fine[1]; ++plane) {
    const float* from = inputs[1].as<float>() + plane * coarse[2] * coarse[3];
    for (std::int64_t y = 0; y < fine[2]; ++y) {
      for (std::int64_t x = 0; x < fine[3]; ++x) {
        *dst++ = *lateral++ + from[y / 2 * coarse[3] + x / 2];
      }
    }
  }
}

}  // namespace

const Op& upsample_add_op() {
  static const Op op{"upsample_add", infer, reference, no_multiply_adds, no_description};
  return op;
}

ValueId upsample_add(GraphBuilder& builder, ValueId lateral, ValueId coarse,
                     std::string_view name) {
  return builder.add(upsample_add_op(), {}, {lateral, coarse}, name);
}

}  // namespace nestor
