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

namespace {

std::vector<TensorDesc> descs(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<TensorDesc> result;
  result.reserve(ids.size());
  for (const ValueId id : ids) result.push_back(graph.desc(id));
  return result;
}

}  // namespace

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
    for (const ValueId id : node.inputs) inputs.push_back(graph.value(id).name);
    fmt::format_to(std::back_inserter(text), "{:36} {:22} {:24} {:20} <- {}\n", node.name,
                   node.op->name, node.op->describe(node),
                   graph.desc(node.outputs[0]).shape.to_string(), fmt::join(inputs, ", "));
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
