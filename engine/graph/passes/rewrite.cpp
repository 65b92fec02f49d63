#include "engine/graph/passes/rewrite.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nestor {

Rewrite::Rewrite(Graph graph)
    : graph_(std::move(graph)),
      producers_(producers(graph_)),
      uses_(use_counts(graph_)),
      readers_(readers(graph_)),
      removed_(graph_.nodes.size(), false) {}

std::size_t Rewrite::idx(const Node& node) const {
  return static_cast<std::size_t>(&node - graph_.nodes.data());
}

Node* Rewrite::sole_producer(ValueId value, const Op& op) {
  const auto id = static_cast<std::size_t>(value);
  if (producers_[id] < 0 || uses_[id] != 1) return nullptr;
  Node& node = graph_.nodes[static_cast<std::size_t>(producers_[id])];
  return node.op == &op && !removed_[idx(node)] ? &node : nullptr;
}

Node* Rewrite::sole_reader(ValueId value, const Op& op) {
  const auto id = static_cast<std::size_t>(value);
  if (readers_[id].empty() || uses_[id] != 1) return nullptr;
  Node& node = graph_.nodes[static_cast<std::size_t>(readers_[id].front())];
  return node.op == &op && !removed_[idx(node)] ? &node : nullptr;
}

void Rewrite::remove(const Node& node) { removed_[idx(node)] = true; }

ValueId Rewrite::add_constant(const Op& op, std::any params, std::vector<ValueId> inputs,
                              std::string name) {
  Node node{&op, std::move(params), std::move(inputs), {}, std::move(name)};
  add_outputs(graph_, node, Value::Kind::kConstant);
  constants_.push_back(std::move(node));
  return constants_.back().outputs[0];
}

void Rewrite::move(const Node& node, Node& where) {
  for (const ValueId id : node.outputs) {
    producers_[static_cast<std::size_t>(id)] = static_cast<int>(idx(where));
  }
  where = node;
  remove(node);
}

Graph Rewrite::finish() {
  std::vector<Node> kept, rest;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    Node& node = graph_.nodes[i];
    if (removed_[i]) continue;
    const bool constant = is_constant(graph_, node);
    (constant ? kept : rest).push_back(std::move(node));
  }
  std::ranges::move(constants_, std::back_inserter(kept));
  std::ranges::move(rest, std::back_inserter(kept));
  graph_.nodes = std::move(kept);
  return std::move(graph_);
}

}  // namespace nestor
