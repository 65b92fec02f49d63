#include "engine/graph/constants.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/finite.h"

namespace nestor {

Constants::Constants(const Graph& graph, const WeightStore& store)
    : graph_(graph), store_(store), producers_(producers(graph)) {}

Constants::Tensor Constants::value(ValueId id) const {
  Tensor result = compute(id);
  const auto num_elements = static_cast<std::size_t>(result.desc_.shape.num_elements());
  const std::optional<std::size_t> bad = first_not_finite({result.data(), num_elements});
  CHECK_AS(kBadModel, !bad, "{}: {} is {} at its element {}, expected finite numbers",
           store_.file().name(), name(id), result.data()[*bad], *bad);
  return result;
}

Constants::Tensor Constants::compute(ValueId id) const {
  const Value& wanted = graph_.value(id);
  Tensor result;
  result.desc_ = wanted.desc;
  if (wanted.kind == Value::Kind::kWeight) {
    result.view_ = store_.get(wanted.name, wanted.desc.shape).data;
    return result;
  }
  const int producer = producers_[static_cast<std::size_t>(id)];
  CHECK(wanted.kind == Value::Kind::kConstant && producer >= 0, "{} is not a constant",
        wanted.name);
  const Node& node = graph_.nodes[static_cast<std::size_t>(producer)];
  std::vector<Tensor> inputs;
  std::vector<TensorView> views;
  for (const ValueId input : node.inputs) inputs.push_back(value(input));
  for (const Tensor& input : inputs) views.push_back(input.view());
  std::vector<std::vector<float>> data;
  std::vector<MutableTensorView> outputs;
  for (const ValueId output : node.outputs) {
    const TensorDesc& desc = graph_.desc(output);
    CHECK(desc.dtype == DType::kFloat32, "the constant {} is {}, expected float32",
          graph_.value(output).name, to_string(desc));
    data.emplace_back(static_cast<std::size_t>(desc.shape.num_elements()));
    outputs.push_back({desc, data.back().data()});
  }
  node.op->reference(node, views, outputs);
  const auto idx = std::ranges::find(node.outputs, id) - node.outputs.begin();
  result.owned_ = std::move(data[static_cast<std::size_t>(idx)]);
  return result;
}

}  // namespace nestor
