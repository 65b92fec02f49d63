#include "engine/graph/constants.h"

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
  result.owned_.resize(static_cast<std::size_t>(wanted.desc.shape.num_elements()));
  float* const data = result.owned_.data();
  node.op->reference(node, views, {&data, 1}, {&wanted.desc, 1});
  return result;
}

}  // namespace nestor
