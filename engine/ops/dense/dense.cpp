#include "engine/ops/dense/dense.h"

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 3, "{}: {} inputs, expected 3", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  const Shape& weight = inputs[1].shape;
  CHECK(src.rank() == 4 && src[2] == 1 && src[3] == 1, "{}: src is {}, expected [n, c, 1, 1]",
        node.name, src.to_string());
  CHECK(weight.rank() == 2 && weight[1] == src[1], "{}: weight is {}, expected [k, {}]", node.name,
        weight.to_string(), src[1]);
  CHECK(inputs[2].shape == Shape{weight[0]}, "{}: bias is {}, expected [{}]", node.name,
        inputs[2].shape.to_string(), weight[0]);
  return {{inputs[0].dtype, {src[0], weight[0]}}};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& dst = outputs[0].desc.shape;
  const std::int64_t channels = inputs[0].desc.shape[1];
  for (std::int64_t n = 0; n < dst[0]; ++n) {
    for (std::int64_t k = 0; k < dst[1]; ++k) {
      double sum = inputs[2].as<float>()[k];
      for (std::int64_t c = 0; c < channels; ++c) {
        sum += double{inputs[0].as<float>()[n * channels + c]} *
               inputs[1].as<float>()[k * channels + c];
      }
      outputs[0].as<float>()[n * dst[1] + k] = static_cast<float>(sum);
    }
  }
}

std::int64_t multiply_adds(const Node&, std::span<const TensorDesc> inputs,
                           std::span<const TensorDesc>) {
  return inputs[0].shape[0] * inputs[1].shape.num_elements();
}

}  // namespace

const Op& dense_op() {
  static const Op op{"dense", infer, reference, multiply_adds, no_description};
  return op;
}

ValueId dense(GraphBuilder& builder, ValueId src, std::string_view name, std::int64_t channels) {
  std::vector<ValueId> inputs{src};
  {
    const GraphBuilder::Scope scope(builder, name);
    inputs.push_back(builder.weight("weight", {channels, builder.shape(src)[1]}));
    inputs.push_back(builder.weight("bias", {channels}));
  }
  return builder.add(dense_op(), {}, std::move(inputs), name);
}

}  // namespace nestor
