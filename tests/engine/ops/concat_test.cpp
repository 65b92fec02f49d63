#include "engine/ops/concat/concat.h"

#include <array>
#include <catch2/catch.hpp>

#include "nestor/error.h"
#include "tests/support/op_runner.h"

namespace nestor {

namespace {

// c and k channels, and c again.
Graph concat_graph(const test::Problem& problem) {
  GraphBuilder b;
  const auto input = [&](const char* name, const char* channels) {
    return b.input(name, {DType::kFloat32,
                          {problem.number("n"), problem.number(channels), problem.number("h"),
                           problem.number("w")}});
  };
  const std::array<ValueId, 3> srcs{input("a", "c"), input("b", "k"), input("c", "c")};
  b.output("dst", concat(b, srcs, "concat"));
  return b.finish();
}

constexpr const char* kProblems[] = {
    "n1_c16_h7_w5_k32", "n3_c32_h4_w9_k16", "n2_c5_h3_w4_k11", "n2_c1_h1_w1_k1", "n1_c24_h6_w6_k8",
};

}  // namespace

TEST_CASE("concat: every variant agrees with the oracle", "[ops][cpu]") {
  test::run_table(concat_op(), concat_graph, kProblems);
}

TEST_CASE("concat: the oracle puts each image's channels one behind the other", "[ops][cpu]") {
  const std::array<float, 4> a{1, 2, 3, 4};                 // 2 images of 1 channel with 2 pixels
  const std::array<float, 8> b{5, 6, 7, 8, 9, 10, 11, 12};  // of 2 channels
  const std::array<TensorView, 2> inputs{TensorView{{DType::kFloat32, {2, 1, 1, 2}}, a.data()},
                                         TensorView{{DType::kFloat32, {2, 2, 1, 2}}, b.data()}};
  const std::array<TensorDesc, 2> descs{inputs[0].desc, inputs[1].desc};
  const Node node{&concat_op(), {}, {}, {}, "concat"};
  const std::vector<OutputDesc> outputs = concat_op().infer(node, descs);
  REQUIRE(outputs[0].desc == TensorDesc{DType::kFloat32, {2, 3, 1, 2}});
  std::array<float, 12> dst{};
  const MutableTensorView to{outputs[0].desc, dst.data()};
  concat_op().reference(node, inputs, {&to, 1});
  CHECK(dst == std::array<float, 12>{1, 2, 5, 6, 7, 8, 3, 4, 9, 10, 11, 12});
}

TEST_CASE("concat: inputs that differ in more than channels are refused", "[ops][cpu]") {
  GraphBuilder builder;
  const std::array<ValueId, 2> srcs{builder.input("a", {DType::kFloat32, {1, 8, 4, 4}}),
                                    builder.input("b", {DType::kFloat32, {1, 8, 4, 5}})};
  CHECK_THROWS_AS(concat(builder, srcs, "concat"), Error);
}

}  // namespace nestor
