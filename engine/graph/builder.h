#pragma once
// How network files make a graph. Shapes are inferred at once, so a mistake is reported where it
// is made. Operators are added by the functions in their own headers (engine/ops/<op>/<op>.h), on
// top of the few primitives here; a new op does not edit this file.

#include <any>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"

namespace nestor {

class GraphBuilder {
 public:
  // Names made while a Scope lives begin with "<name>.".
  class Scope {
   public:
    Scope(GraphBuilder& builder, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    GraphBuilder& builder_;
    std::size_t length_;
  };

  ValueId input(std::string_view name, TensorDesc desc);

  // A float32 tensor of the weight file, under the current scope.
  ValueId weight(std::string_view name, Shape shape);

  // A node under the current scope. Its outputs are called as the operator says (OutputDesc::name).
  std::vector<ValueId> add_all(const Op& op, std::any params, std::vector<ValueId> inputs,
                               std::string_view name);

  // The same for operators with one output.
  ValueId add(const Op& op, std::any params, std::vector<ValueId> inputs, std::string_view name);

  void output(std::string_view name, ValueId value);

  // Lets users ask for a value under this name, scopes left aside. Every node's full name is a tap
  // of its own.
  void tap(std::string_view name, ValueId value);

  // A second name, scopes left aside, for a tap of the current scope.
  void tap_alias(std::string_view name, std::string_view existing);

  const Shape& shape(ValueId value) const { return graph_.desc(value).shape; }

  // The current scope's path with `name` appended: "layer1.0.conv1".
  std::string path(std::string_view name) const;

  // The finished graph. The builder is empty afterwards.
  Graph finish();

 private:
  ValueId new_value(Value::Kind kind, TensorDesc desc, std::string name);

  Graph graph_;
  std::string scope_;
};

}  // namespace nestor
