#include "engine/graph/builder.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "engine/graph/constants.h"
#include "engine/ops/fold_batch_norm/fold_batch_norm.h"
#include "engine/ops/relu/relu.h"
#include "nestor/error.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

using Catch::Contains;

Graph two_relus() {
  GraphBuilder builder;
  ValueId x = builder.input("input", {DType::kFloat32, {1, 2, 3, 4}});
  {
    const GraphBuilder::Scope layer(builder, "layer1");
    const GraphBuilder::Scope block(builder, "0");
    x = relu(builder, x, "first");
    builder.tap("stem", x);
  }
  x = relu(builder, x, "second");
  builder.output("logits", x);
  return builder.finish();
}

std::string message_of(ErrorCode code, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("builder: names come from scopes, shapes are inferred", "[graph][cpu]") {
  const Graph graph = two_relus();
  REQUIRE(graph.nodes.size() == 2);
  CHECK(graph.nodes[0].name == "layer1.0.first");
  CHECK(graph.nodes[1].name == "second");
  CHECK(graph.desc(graph.nodes[1].outputs[0]).shape == Shape{1, 2, 3, 4});
  CHECK(graph.inputs == std::vector<ValueId>{0});
  REQUIRE(graph.outputs.size() == 1);
  CHECK(graph.outputs[0].name == "logits");
  CHECK(graph.taps.contains("stem"));
  CHECK(graph.taps.at("stem") == graph.taps.at("layer1.0.first"));
}

TEST_CASE("builder: a tap's second name is of the current scope", "[graph][cpu]") {
  GraphBuilder builder;
  const ValueId x = builder.input("input", {DType::kFloat32, {1, 2, 3, 4}});
  const GraphBuilder::Scope scope(builder, "features");
  const ValueId first = relu(builder, x, "first");
  builder.tap_alias("short", "first");
  CHECK(builder.finish().taps.at("short") == first);
}

TEST_CASE("builder: mistakes are reported where they are made", "[graph][cpu]") {
  GraphBuilder builder;
  const ValueId x = builder.input("input", {DType::kFloat32, {1, 2, 3, 4}});
  relu(builder, x, "relu");
  CHECK_THROWS_WITH(relu(builder, x, "relu"), "two values are called relu");
  CHECK_THROWS_WITH(builder.tap_alias("layer1", "conv"), "tap layer1: there is no conv");
}

TEST_CASE("graph: facts and text", "[graph][cpu]") {
  const Graph graph = two_relus();
  CHECK(use_counts(graph) == std::vector<int>{1, 1, 1});
  CHECK(producers(graph) == std::vector<int>{-1, 0, 1});
  const std::string text = to_string(graph);
  CHECK_THAT(text, Contains("layer1.0.first") && Contains("[1, 2, 3, 4]") &&
                       Contains("output logits = second"));
}

TEST_CASE("taps: added to the outputs once, unknown names list what there is", "[graph][cpu]") {
  const std::vector<std::string> names{"stem", "logits", "stem"};
  const Graph tapped = with_taps(two_relus(), names);
  REQUIRE(tapped.outputs.size() == 2);
  CHECK(tapped.outputs[1].name == "stem");
  const std::vector<std::string> wrong{"steam"};
  CHECK_THAT(message_of(ErrorCode::kUsage, [&] { with_taps(two_relus(), wrong); }),
             Contains("'steam'") && Contains("stem") && Contains("layer1.0.first"));
}

TEST_CASE("constants: weights are views, folded batch norms are computed", "[graph][cpu]") {
  Graph graph;
  const auto add_value = [&](Value::Kind kind, Shape shape, const char* name) {
    Value& value = graph.values.emplace_back();
    value.kind = kind;
    value.desc.shape = std::move(shape);
    value.name = name;
    return static_cast<ValueId>(graph.values.size() - 1);
  };
  const ValueId weight = add_value(Value::Kind::kWeight, {2, 3, 1, 1}, "conv.weight");
  const ValueId gamma = add_value(Value::Kind::kWeight, {2}, "bn.gamma");
  const ValueId variance = add_value(Value::Kind::kWeight, {2}, "bn.running_var");
  const ValueId folded = add_value(Value::Kind::kConstant, {2, 3, 1, 1}, "folded");
  const ValueId computed = add_value(Value::Kind::kComputed, {2}, "x");
  graph.nodes.push_back({&fold_batch_norm_weight_op(),
                         BatchNormParams{.eps = 0.5},
                         {weight, gamma, variance},
                         {folded},
                         "folded"});
  const WeightStore store(test::weight_file(graph, 1));
  const Constants constants(graph, store);
  const auto value_of = [&](ValueId id) { return test::weight_values(graph.value(id), 1); };
  CHECK(constants.value(weight).data() == store.get("conv.weight", {2, 3, 1, 1}).data);
  CHECK(constants.name(folded) == "folded");
  const Constants::Tensor result = constants.value(folded);
  for (std::size_t i = 0; i < 6; ++i) {
    const double scale = value_of(gamma)[i / 3] / std::sqrt(value_of(variance)[i / 3] + 0.5);
    CHECK(result.data()[i] == Approx(value_of(weight)[i] * scale).epsilon(1e-7));
  }
  CHECK_THROWS_WITH(constants.value(computed), "x is not a constant");
}

}  // namespace nestor
