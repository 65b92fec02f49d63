#include "engine/ops/batch_norm/batch_norm.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(inputs.size() == 5, "{}: {} inputs, expected 5", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4, "{}: src {} must have four dimensions", node.name, src.to_string());
  for (const TensorDesc& parameter : inputs.subspan(1)) {
    CHECK(parameter.shape == Shape{src[1]}, "{}: parameter is {}, expected [{}]", node.name,
          parameter.shape.to_string(), src[1]);
  }
  return {{inputs[0], {}, {RowsInUse::By::kLikeInput, 0}}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const double eps = params<BatchNormParams>(node).eps;
  const Shape& shape = inputs[0].desc.shape;
  const std::int64_t plane = shape[2] * shape[3];
  for (std::int64_t first = 0, end = shape.num_elements(); first < end; first += plane) {
    const std::int64_t c = first / plane % shape[1];
    const double gamma = inputs[1].as<float>()[c];
    const double beta = inputs[2].as<float>()[c];
    const double mean = inputs[3].as<float>()[c];
    const double deviation = std::sqrt(inputs[4].as<float>()[c] + eps);
    const float* src = inputs[0].as<float>() + first;
    float* dst = outputs[0].as<float>() + first;
    for (std::int64_t i = 0; i < plane; ++i) {
      dst[i] = static_cast<float>(gamma * (src[i] - mean) / deviation + beta);
    }
  }
}

std::string describe(const Node& node) {
  return fmt::format("eps {:g}", params<BatchNormParams>(node).eps);
}

}  // namespace

const Op& batch_norm_op() {
  static const Op op{"batch_norm", infer, reference, no_multiply_adds, describe};
  return op;
}

ValueId batch_norm(GraphBuilder& builder, ValueId src, std::string_view name,
                   BatchNormParams params) {
  std::vector<ValueId> inputs{src};
  {
    const GraphBuilder::Scope scope(builder, name);
    for (const char* parameter : {"gamma", "beta", "running_mean", "running_var"}) {
      inputs.push_back(builder.weight(parameter, {builder.shape(src)[1]}));
    }
  }
  return builder.add(batch_norm_op(), params, std::move(inputs), name);
}

}  // namespace nestor
