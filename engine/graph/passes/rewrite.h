#pragma once
// What passes share: who makes a value, who alone reads it, and taking nodes out.

#include <vector>

#include "engine/graph/graph.h"

namespace nestor {

// A graph being rewritten. Facts are those of the graph as it was given; nodes are changed in place
// and removed all at once by finish().
class Rewrite {
 public:
  explicit Rewrite(Graph graph);

  Graph& graph() { return graph_; }

  // The node of operator `op` that computes `value` for exactly one reader; null otherwise.
  Node* sole_producer(ValueId value, const Op& op);

  // The node of operator `op` that alone reads `value`; null otherwise.
  Node* sole_reader(ValueId value, const Op& op);

  void remove(const Node& node);

  // Inserts a node that computes a constant, ahead of all that runs every time.
  ValueId add_constant(const Op& op, std::any params, std::vector<ValueId> inputs,
                       std::string name);

  // Puts what `node` is now in the place of `where`, and removes `node`.
  void move(const Node& node, Node& where);

  Graph finish();

 private:
  std::size_t idx(const Node& node) const;

  Graph graph_;
  std::vector<int> producers_;
  std::vector<int> uses_;
  std::vector<std::vector<int>> readers_;
  std::vector<bool> removed_;
  std::vector<Node> constants_;
};

}  // namespace nestor
