#include "engine/ops/global_average_pool/global_average_pool.h"

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 1, "{}: {} inputs, expected 1", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4, "{}: src {} must have four dimensions", node.name, src.to_string());
  return {{inputs[0].dtype, {src[0], src[1], 1, 1}}};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& shape = inputs[0].desc.shape;
  const std::int64_t pixels = shape[2] * shape[3];
  for (std::int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) {
    double sum = 0;
    for (std::int64_t i = 0; i < pixels; ++i) sum += inputs[0].as<float>()[plane * pixels + i];
    outputs[0].as<float>()[plane] = static_cast<float>(sum / static_cast<double>(pixels));
  }
}

}  // namespace

const Op& global_average_pool_op() {
  static const Op op{"global_average_pool", infer, reference, no_multiply_adds, no_description};
  return op;
}

ValueId global_average_pool(GraphBuilder& builder, ValueId src, std::string_view name) {
  return builder.add(global_average_pool_op(), {}, {src}, name);
}

}  // namespace nestor
