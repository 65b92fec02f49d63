#include "engine/ops/fold_batch_norm/fold_batch_norm.h"

#include <cmath>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

double scale(const Node& node, float gamma, float running_var) {
  return gamma / std::sqrt(running_var + params<BatchNormParams>(node).eps);
}

std::vector<OutputDesc> infer_weight(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 3, "{}: {} inputs, expected 3", node.name, inputs.size());
  return {inputs[0]};
}

void reference_weight(const Node& node, std::span<const TensorView> inputs,
                      std::span<const MutableTensorView> outputs) {
  const Shape& shape = outputs[0].desc.shape;
  const std::int64_t filter = shape.num_elements() / shape[0];
  const float* weight = inputs[0].as<float>();
  for (std::int64_t k = 0; k < shape[0]; ++k) {
    const double factor = scale(node, inputs[1].as<float>()[k], inputs[2].as<float>()[k]);
    for (std::int64_t i = k * filter; i < (k + 1) * filter; ++i) {
      outputs[0].as<float>()[i] = static_cast<float>(weight[i] * factor);
    }
  }
}

std::vector<OutputDesc> infer_bias(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 4 || inputs.size() == 5, "{}: {} inputs, expected 4 or 5", node.name,
        inputs.size());
  return {inputs[0]};
}

void reference_bias(const Node& node, std::span<const TensorView> inputs,
                    std::span<const MutableTensorView> outputs) {
  for (std::int64_t k = 0; k < outputs[0].desc.shape[0]; ++k) {
    const double bias = inputs.size() == 5 ? inputs[4].as<float>()[k] : 0.0;
    const double factor = scale(node, inputs[0].as<float>()[k], inputs[3].as<float>()[k]);
    outputs[0].as<float>()[k] =
        static_cast<float>(inputs[1].as<float>()[k] + (bias - inputs[2].as<float>()[k]) * factor);
  }
}

}  // namespace

const Op& fold_batch_norm_weight_op() {
  static const Op op{"fold_batch_norm_weight", infer_weight, reference_weight, no_multiply_adds,
                     no_description};
  return op;
}

const Op& fold_batch_norm_bias_op() {
  static const Op op{"fold_batch_norm_bias", infer_bias, reference_bias, no_multiply_adds,
                     no_description};
  return op;
}

}  // namespace nestor
