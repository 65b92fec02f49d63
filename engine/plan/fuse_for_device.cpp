#include "engine/plan/fuse_for_device.h"

#include <algorithm>
#include <map>
#include <optional>

#include "engine/graph/passes/fuse_loads.h"

namespace nestor {

namespace {

// What nodes would cost, one after the other, on a backend that has a model of it.
class Estimate {
 public:
  Estimate(const Graph& graph, Backend& backend, const PlanKey& key)
      : graph_(graph), backend_(backend), key_(key), producers_(producers(graph)) {}

  // Nothing if a node has no variant.
  std::optional<double> us(std::span<const Node> nodes) {
    double sum = 0;
    for (const Node& node : nodes) {
      std::vector<BufferFormat> available;
      for (const ValueId id : node.inputs) available.push_back(format_of(id));
      const StepChoice choice = choose(node, available);
      if (choice.kernel == nullptr || !choice.gpu) return std::nullopt;
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        formats_[node.outputs[i]] = choice.outputs[i];
      }
      sum += choice.gpu->modelled_us;
    }
    return sum;
  }

 private:
  StepChoice choose(const Node& node, std::span<const BufferFormat> available) const {
    return backend_.choose({.graph = graph_,
                            .node = node,
                            .available = available,
                            .precision = key_.precision,
                            .threads = key_.threads,
                            .excluded_variants = key_.excluded_variants});
  }

  // As the node that computes the value would leave it, whatever the formats of its own inputs.
  BufferFormat format_of(ValueId id) const {
    if (const auto known = formats_.find(id); known != formats_.end()) return known->second;
    const int producer = producers_[static_cast<std::size_t>(id)];
    if (producer < 0 || is_constant(graph_.value(id))) return {};
    const Node& node = graph_.nodes[static_cast<std::size_t>(producer)];
    const StepChoice choice = choose(node, std::vector<BufferFormat>(node.inputs.size()));
    if (choice.kernel == nullptr) return {};
    const auto idx = std::ranges::find(node.outputs, id) - node.outputs.begin();
    return choice.outputs[static_cast<std::size_t>(idx)];
  }

  const Graph& graph_;
  Backend& backend_;
  const PlanKey& key_;
  std::vector<int> producers_;
  std::map<ValueId, BufferFormat> formats_;  // of what the nodes before wrote
};

}  // namespace

Graph fuse_for_device(const Graph& graph, Backend& backend, const PlanKey& key) {
  // Whether it pays depends on the batch, which deterministic plans must not.
  if (!backend.fuses_loads() || key.deterministic) return graph;
  return fuse_loads(
      graph, [&](const Graph& at, std::span<const Node> apart, std::span<const Node> fused) {
        const std::optional<double> together_us = Estimate(at, backend, key).us(fused);
        if (!together_us) return false;
        const std::optional<double> apart_us = Estimate(at, backend, key).us(apart);
        return !apart_us || *together_us < *apart_us;
      });
}

}  // namespace nestor
