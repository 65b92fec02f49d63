#include "tests/support/interpreter.h"

#include "engine/graph/constants.h"
#include "tests/support/model.h"

namespace nestor::test {

std::vector<NamedTensor> interpret(const Graph& graph, const WeightStore& weights,
                                   const TensorView& input) {
  std::vector<std::vector<std::byte>> data(graph.values.size());
  const auto view = [&](ValueId id) -> TensorView {
    const Value& value = graph.value(id);
    if (value.kind == Value::Kind::kInput) return input;
    if (value.kind == Value::Kind::kWeight) return weights.get(value.name, value.desc.shape);
    return {value.desc, data[static_cast<std::size_t>(id)].data()};
  };
  for (const Node& node : graph.nodes) {
    std::vector<TensorView> inputs;
    for (const ValueId id : node.inputs) inputs.push_back(view(id));
    std::vector<MutableTensorView> outputs;
    for (const ValueId id : node.outputs) {
      std::vector<std::byte>& dst = data[static_cast<std::size_t>(id)];
      dst.resize(view(id).bytes());
      outputs.push_back({graph.desc(id), dst.data()});
    }
    node.op->reference(node, inputs, outputs);
  }
  std::vector<NamedTensor> outputs;
  for (const GraphOutput& output : graph.outputs) {
    const TensorView from = view(output.value);
    outputs.push_back({output.name, from.desc, elements(from)});
  }
  return outputs;
}

}  // namespace nestor::test
