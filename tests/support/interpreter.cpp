#include "tests/support/interpreter.h"

#include "engine/graph/constants.h"

namespace nestor::test {

std::vector<NamedTensor> interpret(const Graph& graph, const WeightStore& weights,
                                   const TensorView& input) {
  std::vector<std::vector<float>> data(graph.values.size());
  const auto view = [&](ValueId id) -> TensorView {
    const Value& value = graph.value(id);
    if (value.kind == Value::Kind::kInput) return input;
    if (value.kind == Value::Kind::kWeight) return weights.get(value.name, value.desc.shape);
    return {value.desc, data[static_cast<std::size_t>(id)].data()};
  };
  for (const Node& node : graph.nodes) {
    std::vector<TensorView> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(view(id));
    const auto dst = static_cast<std::size_t>(node.outputs[0]);
    const TensorDesc& desc = graph.values[dst].desc;
    data[dst].resize(static_cast<std::size_t>(desc.shape.num_elements()));
    float* const to = data[dst].data();
    node.op->reference(node, inputs, {&to, 1}, {&desc, 1});
  }
  std::vector<NamedTensor> outputs;
  for (const GraphOutput& output : graph.outputs) {
    const TensorView from = view(output.value);
    outputs.push_back({output.name,
                       from.desc,
                       {from.as<float>(), from.as<float>() + from.desc.shape.num_elements()}});
  }
  return outputs;
}

}  // namespace nestor::test
