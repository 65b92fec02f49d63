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
  // How many rows of each image are in use, the first ones: a value int32 [images] for
  // rows_in_use(); -1: all are.
  // Rows are what an image has of the value: of [images, rows, ...] the second dimension, of
  // [images * items, ...] the items (Graph::items).
  ValueId count = -1;
};

// Rows in use of an image whose count is that. A negative count says that numbers were not finite
// and that the image has no answer: no row is in use.
inline std::int64_t rows_in_use(std::int32_t count) { return count < 0 ? 0 : count; }

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

// A TensorView that may be written.
struct MutableTensorView {
  TensorDesc desc;
  void* data = nullptr;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// How many rows of an output are in use (Value::count).
struct RowsInUse {
  enum class By : std::uint8_t {
    kAll,        // all of them
    kOutput,     // as many as the node's output `idx` says
    kInput,      // as many as the node's input `idx` says
    kLikeInput,  // as many as of the node's input `idx`
    kLikeItems   // the same if the rows of that input are items; what lies within them is another
  };
  By by = By::kAll;
  std::size_t idx = 0;
};

// What an operator says of one of its outputs.
struct OutputDesc {
  OutputDesc(TensorDesc tensor, std::string_view suffix = {}, RowsInUse in_use = {})
      : desc(std::move(tensor)), name(suffix), rows(in_use) {}
  OutputDesc(DType dtype, Shape shape) : desc{dtype, std::move(shape)} {}

  TensorDesc desc;
  std::string_view name;  // output "count" of the node "nms" is the value "nms.count"; empty: "nms"
  RowsInUse rows;
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

  // Images in a batch: the first dimension of the network's input.
  std::int64_t images() const;
  // How many entries of a value's first dimension belong to one image: 1, or its RoIs.
  std::int64_t items(ValueId id) const;
};

// What an operator is: one line of ops/registry.cpp. Its header in engine/ops/<op>/ has the formula.
struct Op {
  std::string_view name;

  // Types and shapes of the outputs, of which there is at least one, and how many of their rows are
  // in use. Throws kInternal, naming the node, if the inputs do not fit.
  std::vector<OutputDesc> (*infer)(const Node& node, std::span<const TensorDesc> inputs);

  // The oracle: plain loops over tensors in plain layout, accumulating in double.
  void (*reference)(const Node& node, std::span<const TensorView> inputs,
                    std::span<const MutableTensorView> outputs);

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

// The nodes that read each value, by index into graph.nodes, each once and in their order.
std::vector<std::vector<int>> readers(const Graph& graph);

// Whether the node's outputs are the same in every run.
bool is_constant(const Graph& graph, const Node& node);

// Adds the node's outputs, as its operator infers them, to the graph's values.
void add_outputs(Graph& graph, Node& node, Value::Kind kind);

// The value that counts the rows in use of both the node's first input and its first output, of
// which it then makes row by row; -1: all are in use, or the two have other rows.
ValueId count_of_rows(const Graph& graph, const Node& node);

std::vector<TensorDesc> input_descs(const Graph& graph, const Node& node);
std::vector<TensorDesc> output_descs(const Graph& graph, const Node& node);
std::int64_t multiply_adds(const Graph& graph, const Node& node);

// One line a node: name, operator, parameters, outputs, inputs.
std::string to_string(const Graph& graph);

// Adds the values called `names` to the outputs, under those names. Throws kUsage, listing what
// there is, if a name is unknown.
Graph with_taps(Graph graph, std::span<const std::string> names);

}  // namespace nestor
