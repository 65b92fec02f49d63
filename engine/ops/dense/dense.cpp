#include "engine/ops/dense/dense.h"

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 3, "{}: {} inputs, expected 3", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  const Shape& weight = inputs[1].shape;
  CHECK(src.rank() >= 2 && src[0] > 0, "{}: src is {}, expected [n, c, ...]", node.name,
        src.to_string());
  const std::int64_t features = src.num_elements() / src[0];
  CHECK(weight.rank() == 2 && weight[1] == features, "{}: weight is {}, expected [k, {}]",
        node.name, weight.to_string(), features);
  CHECK(inputs[2].shape == Shape{weight[0]}, "{}: bias is {}, expected [{}]", node.name,
        inputs[2].shape.to_string(), weight[0]);
  const TensorDesc dst{inputs[0].dtype, {src[0], weight[0]}};
  return {{dst, {}, {RowsInUse::By::kLikeItems, 0}}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& dst = outputs[0].desc.shape;
  const std::int64_t channels = inputs[1].desc.shape[1];
  const bool relu = params<DenseParams>(node).relu;
  for (std::int64_t n = 0; n < dst[0]; ++n) {
    for (std::int64_t k = 0; k < dst[1]; ++k) {
      double sum = inputs[2].as<float>()[k];
      for (std::int64_t c = 0; c < channels; ++c) {
        sum += double{inputs[0].as<float>()[n * channels + c]} *
               inputs[1].as<float>()[k * channels + c];
      }
      outputs[0].as<float>()[n * dst[1] + k] = static_cast<float>(relu && sum < 0 ? 0 : sum);
    }
  }
}

std::int64_t multiply_adds(const Node&, std::span<const TensorDesc> inputs,
                           std::span<const TensorDesc>) {
  return inputs[0].shape[0] * inputs[1].shape.num_elements();
}

std::string describe(const Node& node) { return params<DenseParams>(node).relu ? "relu" : ""; }

}  // namespace

const Op& dense_op() {
  static const Op op{"dense", infer, reference, multiply_adds, describe};
  return op;
}

ValueId dense(GraphBuilder& builder, ValueId src, std::string_view name, std::int64_t channels) {
  std::vector<ValueId> inputs{src};
  {
    const GraphBuilder::Scope scope(builder, name);
    const Shape& shape = builder.shape(src);
    inputs.push_back(builder.weight("weight", {channels, shape.num_elements() / shape[0]}));
    inputs.push_back(builder.weight("bias", {channels}));
  }
  return builder.add(dense_op(), DenseParams{}, std::move(inputs), name);
}

}  // namespace nestor
