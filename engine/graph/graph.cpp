#include "engine/graph/graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

#include "engine/check.h"
#include "engine/nearest_names.h"

namespace nestor {

bool Graph::is_output(ValueId id) const {
  return std::ranges::any_of(outputs, [id](const GraphOutput& o) { return o.value == id; });
}

std::int64_t Graph::images() const {
  if (inputs.empty() || desc(inputs[0]).shape.rank() == 0) return 1;
  return std::max<std::int64_t>(1, desc(inputs[0]).shape[0]);
}

std::int64_t Graph::items(ValueId id) const {
  const Shape& shape = desc(id).shape;
  return shape.rank() == 0 ? 1 : shape[0] / images();
}

std::vector<int> use_counts(const Graph& graph) {
  std::vector<int> counts(graph.values.size(), 0);
  for (const Node& node : graph.nodes) {
    for (const ValueId id : node.inputs) ++counts[static_cast<std::size_t>(id)];
  }
  for (const GraphOutput& output : graph.outputs) ++counts[static_cast<std::size_t>(output.value)];
  return counts;
}

std::vector<int> producers(const Graph& graph) {
  std::vector<int> result(graph.values.size(), -1);
  for (std::size_t idx = 0; idx < graph.nodes.size(); ++idx) {
    for (const ValueId id : graph.nodes[idx].outputs) {
      result[static_cast<std::size_t>(id)] = static_cast<int>(idx);
    }
  }
  return result;
}

std::vector<std::vector<int>> readers(const Graph& graph) {
  std::vector<std::vector<int>> result(graph.values.size());
  for (std::size_t idx = 0; idx < graph.nodes.size(); ++idx) {
    for (const ValueId id : graph.nodes[idx].inputs) {
      std::vector<int>& found = result[static_cast<std::size_t>(id)];
      if (found.empty() || found.back() != static_cast<int>(idx)) {
        found.push_back(static_cast<int>(idx));
      }
    }
  }
  return result;
}

bool is_constant(const Graph& graph, const Node& node) {
  return std::ranges::all_of(node.outputs,
                             [&](ValueId id) { return is_constant(graph.value(id)); });
}

namespace {

// The value that counts an output's rows in use; -1: all are.
ValueId count_of(const Graph& graph, const Node& node, RowsInUse rows) {
  const auto of = [&](const std::vector<ValueId>& ids) {
    CHECK(rows.idx < ids.size(), "{}: rows are counted by value {} of {}", node.name, rows.idx,
          ids.size());
    return ids[rows.idx];
  };
  switch (rows.by) {
    case RowsInUse::By::kAll: return -1;
    case RowsInUse::By::kOutput: return of(node.outputs);
    case RowsInUse::By::kInput: return of(node.inputs);
    case RowsInUse::By::kLikeInput: return graph.value(of(node.inputs)).count;
    case RowsInUse::By::kLikeItems:
      return graph.items(of(node.inputs)) > 1 ? graph.value(of(node.inputs)).count : -1;
  }
  return -1;
}

// What Graph::items() and Value::count promise.
void check_rows(const Graph& graph, const Node& node, const Value& value) {
  const std::int64_t images = graph.images();
  CHECK(value.kind != Value::Kind::kComputed || value.desc.shape.rank() == 0 ||
            value.desc.shape[0] % images == 0,
        "{}: {} is {}, expected a multiple of {} images", node.name, value.name,
        to_string(value.desc), images);
  if (value.count < 0) return;
  const TensorDesc expected{DType::kInt32, {images}};
  CHECK(graph.desc(value.count) == expected, "{}: the rows of {} are counted by {}, expected {}",
        node.name, value.name, to_string(graph.desc(value.count)), to_string(expected));
}

}  // namespace

void add_outputs(Graph& graph, Node& node, Value::Kind kind) {
  const std::vector<OutputDesc> outputs = node.op->infer(node, input_descs(graph, node));
  CHECK(!outputs.empty(), "{}: {} has no outputs", node.name, node.op->name);
  for (const OutputDesc& output : outputs) {
    const std::string name =
        output.name.empty() ? node.name : fmt::format("{}.{}", node.name, output.name);
    node.outputs.push_back(static_cast<ValueId>(graph.values.size()));
    graph.values.push_back({.kind = kind, .desc = output.desc, .name = name});
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Value& value = graph.values[static_cast<std::size_t>(node.outputs[i])];
    value.count = count_of(graph, node, outputs[i].rows);
    check_rows(graph, node, value);
  }
}

namespace {

std::vector<TensorDesc> descs(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<TensorDesc> result;
  result.reserve(ids.size());
  for (const ValueId id : ids) result.push_back(graph.desc(id));
  return result;
}

}  // namespace

ValueId count_of_rows(const Graph& graph, const Node& node) {
  if (node.inputs.empty()) return -1;
  const ValueId src = node.inputs[0], dst = node.outputs[0];
  const bool same =
      graph.value(src).count == graph.value(dst).count && graph.items(src) == graph.items(dst);
  return same ? graph.value(src).count : -1;
}

std::vector<TensorDesc> input_descs(const Graph& graph, const Node& node) {
  return descs(graph, node.inputs);
}

std::vector<TensorDesc> output_descs(const Graph& graph, const Node& node) {
  return descs(graph, node.outputs);
}

std::int64_t multiply_adds(const Graph& graph, const Node& node) {
  return node.op->multiply_adds(node, input_descs(graph, node), output_descs(graph, node));
}

std::string to_string(const Graph& graph) {
  std::string text;
  for (const Node& node : graph.nodes) {
    std::vector<std::string_view> inputs;
    std::vector<std::string> outputs;
    for (const ValueId id : node.inputs) inputs.push_back(graph.value(id).name);
    for (const ValueId id : node.outputs) {
      const TensorDesc& desc = graph.desc(id);
      outputs.push_back(desc.dtype == DType::kFloat32 ? desc.shape.to_string() : to_string(desc));
    }
    fmt::format_to(std::back_inserter(text), "{:36} {:22} {:24} {:20} <- {}\n", node.name,
                   node.op->name, node.op->describe(node),
                   fmt::format("{}", fmt::join(outputs, ", ")), fmt::join(inputs, ", "));
  }
  for (const GraphOutput& output : graph.outputs) {
    fmt::format_to(std::back_inserter(text), "output {} = {}\n", output.name,
                   graph.value(output.value).name);
  }
  return text;
}

namespace {

constexpr std::size_t kNamesInMessage = 8;

std::string unknown_tap(const Graph& graph, const std::string& name) {
  const auto keys = graph.taps | std::views::keys;
  const std::vector<std::string> names(keys.begin(), keys.end());
  return fmt::format("no tensor is called '{}'; of {} the nearest are {}", name, names.size(),
                     fmt::join(nearest_names(name, names, kNamesInMessage), ", "));
}

}  // namespace

Graph with_taps(Graph graph, std::span<const std::string> names) {
  for (const std::string& name : names) {
    const bool present = std::ranges::any_of(
        graph.outputs, [&](const GraphOutput& output) { return output.name == name; });
    if (present) continue;
    const auto tap = graph.taps.find(name);
    if (tap == graph.taps.end()) fail(ErrorCode::kUsage, "{}", unknown_tap(graph, name));
    graph.outputs.push_back({name, tap->second});
  }
  return graph;
}

}  // namespace nestor
