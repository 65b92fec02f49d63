#include "engine/graph/builder.h"

#include <utility>

#include "engine/check.h"

namespace nestor {

GraphBuilder::Scope::Scope(GraphBuilder& builder, std::string_view name)
    : builder_(builder), length_(builder.scope_.size()) {
  builder_.scope_ += name;
  builder_.scope_ += '.';
}

GraphBuilder::Scope::~Scope() { builder_.scope_.resize(length_); }

std::string GraphBuilder::path(std::string_view name) const { return scope_ + std::string(name); }

ValueId GraphBuilder::new_value(Value::Kind kind, TensorDesc desc, std::string name) {
  graph_.values.push_back({.kind = kind, .desc = std::move(desc), .name = std::move(name)});
  return static_cast<ValueId>(graph_.values.size() - 1);
}

ValueId GraphBuilder::input(std::string_view name, TensorDesc desc) {
  const ValueId id = new_value(Value::Kind::kInput, std::move(desc), path(name));
  graph_.inputs.push_back(id);
  graph_.taps.emplace(path(name), id);
  return id;
}

ValueId GraphBuilder::weight(std::string_view name, Shape shape) {
  return new_value(Value::Kind::kWeight, {DType::kFloat32, std::move(shape)}, path(name));
}

std::vector<ValueId> GraphBuilder::add_all(const Op& op, std::any params,
                                           std::vector<ValueId> inputs, std::string_view name) {
  Node node{&op, std::move(params), std::move(inputs), {}, path(name)};
  add_outputs(graph_, node, Value::Kind::kComputed);
  for (const ValueId id : node.outputs) {
    const std::string& called = graph_.value(id).name;
    CHECK(graph_.taps.emplace(called, id).second, "two values are called {}", called);
  }
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().outputs;
}

ValueId GraphBuilder::add(const Op& op, std::any params, std::vector<ValueId> inputs,
                          std::string_view name) {
  const std::vector<ValueId> outputs = add_all(op, std::move(params), std::move(inputs), name);
  CHECK(outputs.size() == 1, "{}: {} has {} outputs, expected 1", path(name), op.name,
        outputs.size());
  return outputs[0];
}

void GraphBuilder::output(std::string_view name, ValueId value) {
  graph_.outputs.push_back({std::string(name), value});
  graph_.taps.insert_or_assign(std::string(name), value);
}

void GraphBuilder::tap(std::string_view name, ValueId value) {
  graph_.taps.insert_or_assign(std::string(name), value);
}

void GraphBuilder::tap_alias(std::string_view name, std::string_view existing) {
  const auto found = graph_.taps.find(path(existing));
  CHECK(found != graph_.taps.end(), "tap {}: there is no {}", name, path(existing));
  tap(name, found->second);
}

Graph GraphBuilder::finish() { return std::exchange(graph_, {}); }

}  // namespace nestor
