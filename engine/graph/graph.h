#pragma once
// A network as plain data: values (tensors) and the nodes (operators) that compute them.
//
// A graph is made by a GraphBuilder for one input shape, is never changed afterwards, and says
// nothing about devices. Passes take a graph and return another.

#include <any>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nestor/tensor.h"

namespace nestor {

struct Op;

using ValueId = std::int32_t;

struct Value {
  enum class Kind : std::uint8_t {
    kInput,     // given to Session::run
    kWeight,    // read from the weight file under `name`
    kConstant,  // computed from weights alone, once for all plans of a model
    kComputed,  // computed in every run
  };
  Kind kind = Kind::kComputed;
  TensorDesc desc;
  std::string name;  // unique within the graph: the scope that made it, "layer1.0.conv1"
};

// Whether a value is the same in every run.
inline bool is_constant(const Value& value) {
  return value.kind == Value::Kind::kWeight || value.kind == Value::Kind::kConstant;
}

struct Node {
  const Op* op = nullptr;
  std::any params;  // of the type that the op's header defines; see params<P>()
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::string name;
};

// The parameters of a node, of the type that its op's header defines.
template <class Params>
const Params& params(const Node& node) {
  return *std::any_cast<Params>(&node.params);
}

struct GraphOutput {
  std::string name;  // "logits", "layer1.attention"
  ValueId value = -1;
};

struct Graph {
  std::vector<Value> values;
  std::vector<Node> nodes;  // each after all that it depends on
  std::vector<ValueId> inputs;
  std::vector<GraphOutput> outputs;
  std::map<std::string, ValueId, std::less<>> taps;  // names under which users may ask for a value

  const Value& value(ValueId id) const { return values[static_cast<std::size_t>(id)]; }
  const TensorDesc& desc(ValueId id) const { return value(id).desc; }
  bool is_output(ValueId id) const;
};

// What an operator is: one row of ops/registry.cpp. Its header in engine/ops/<op>/ has the formula.
struct Op {
  std::string_view name;

  // Shapes of the outputs; throws kInternal, naming the node, where the inputs do not fit.
  std::vector<TensorDesc> (*infer)(const Node& node, std::span<const TensorDesc> inputs);

  // The oracle: plain loops over float32 tensors in plain layout, accumulating in double.
  void (*reference)(const Node& node, std::span<const TensorView> inputs,
                    std::span<float* const> outputs, std::span<const TensorDesc> output_descs);

  // Multiply-adds of matrix work (convolutions, fully connected layers); 0 for everything else.
  std::int64_t (*multiply_adds)(const Node& node, std::span<const TensorDesc> inputs,
                                std::span<const TensorDesc> outputs);

  // The parameters in short, as plans and printed graphs show them: "3x3 s2 p1 g2 relu".
  std::string (*describe)(const Node& node);
};

// How often each value is read, graph outputs included.
std::vector<int> use_counts(const Graph& graph);

// The node that computes each value, by index into graph.nodes; -1 for inputs and weights.
std::vector<int> producers(const Graph& graph);

std::vector<TensorDesc> input_descs(const Graph& graph, const Node& node);
std::vector<TensorDesc> output_descs(const Graph& graph, const Node& node);
std::int64_t multiply_adds(const Graph& graph, const Node& node);

// One line a node: name, operator, parameters, inputs, output shape.
std::string to_string(const Graph& graph);

// Adds the values called `names` to the outputs, under those names. Throws kUsage, listing what
// there is, where a name is unknown.
Graph with_taps(Graph graph, std::span<const std::string> names);

}  // namespace nestor
