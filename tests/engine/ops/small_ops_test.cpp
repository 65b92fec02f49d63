// Operators whose contract is a line each: batch_norm, relu, swish, attention_sum of one part, add,
// global_average_pool, dense.

#include <catch2/catch.hpp>
#include <limits>

#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/swish/swish.h"
#include "tests/support/op_runner.h"

namespace nestor {

namespace {

TensorDesc src_desc(const test::Problem& p) {
  return {DType::kFloat32, {p.number("n", 1), p.number("c"), p.number("h", 1), p.number("w", 1)}};
}

Graph with_output(GraphBuilder& builder, ValueId value) {
  builder.output("dst", value);
  return builder.finish();
}

Graph batch_norm_graph(const test::Problem& p) {
  GraphBuilder builder;
  return with_output(builder, batch_norm(builder, builder.input("src", src_desc(p)), "norm"));
}

Graph relu_graph(const test::Problem& p) {
  GraphBuilder builder;
  return with_output(builder, relu(builder, builder.input("src", src_desc(p)), "relu"));
}

Graph swish_graph(const test::Problem& p) {
  GraphBuilder builder;
  return with_output(builder, swish(builder, builder.input("src", src_desc(p)), "swish"));
}

// attention_sum of one part; split attention has the others.
Graph gate_graph(const test::Problem& p) {
  GraphBuilder builder;
  TensorDesc gates = src_desc(p);
  gates.shape[2] = gates.shape[3] = 1;
  const ValueId src = builder.input("src", src_desc(p));
  return with_output(builder,
                     attention_sum(builder, src, builder.input("gates", gates), "gate", {1}));
}

Graph add_graph(const test::Problem& p) {
  GraphBuilder builder;
  const ValueId a = builder.input("a", src_desc(p));
  const ValueId b = builder.input("b", src_desc(p));
  return with_output(builder, add(builder, a, b, "sum"));
}

Graph pool_graph(const test::Problem& p) {
  GraphBuilder builder;
  return with_output(builder,
                     global_average_pool(builder, builder.input("src", src_desc(p)), "pool"));
}

// Of vectors; with `rois` of the maps of that many regions of each of n images.
Graph dense_graph(const test::Problem& p) {
  GraphBuilder builder;
  if (p.number("rois", 0) > 0) {
    const std::int64_t n = p.number("n");
    builder.input("images", {DType::kFloat32, {n, 3, 1, 1}});
    const Shape maps{n * p.number("rois"), p.number("c"), p.number("h"), p.number("w")};
    const ValueId src = builder.input("src", {DType::kFloat32, maps});
    return with_output(builder, dense(builder, src, "fc", p.number("k")));
  }
  return with_output(builder,
                     dense(builder, builder.input("src", src_desc(p)), "fc", p.number("k")));
}

constexpr const char* kMaps[] = {
    "n2_c64_h7_w9", "n1_c1_h1_w1",   "n1_c7_h3_w5",   "n3_c8_h4_w4",  "n1_c9_h5_w3",
    "n1_c15_h2_w2", "n2_c16_h1_w13", "n1_c17_h13_w1", "n1_c31_h3_w3", "n1_c96_h2_w3",
};

constexpr const char* kVectors[] = {
    "n1_c2048_k1000",
    "n3_c64_k10",
    "n2_c7_k9",
    "n1_c1_k1",
    "n7_c17_k15",
    "n1_c31_k37",
    "n1_rois40_c64_h7_w7_k24",
    "n1_rois13_c48_h1_w1_k5",
};

struct Row {
  const Op& op;
  test::GraphOf graph;
};

const Row kRows[] = {{batch_norm_op(), batch_norm_graph},
                     {relu_op(), relu_graph},
                     {swish_op(), swish_graph},
                     {attention_sum_op(), gate_graph},
                     {add_op(), add_graph},
                     {global_average_pool_op(), pool_graph}};

std::vector<float> by_oracle(const Op& op, std::any params,
                             const std::vector<std::pair<Shape, std::vector<float>>>& inputs) {
  const Node node{&op, std::move(params), {}, {}, "node"};
  std::vector<TensorDesc> descs;
  std::vector<TensorView> views;
  for (const auto& [shape, data] : inputs) {
    descs.push_back({DType::kFloat32, shape});
    views.push_back({descs.back(), data.data()});
  }
  const TensorDesc dst = op.infer(node, descs)[0].desc;
  std::vector<float> result(static_cast<std::size_t>(dst.shape.num_elements()));
  const MutableTensorView output{dst, result.data()};
  op.reference(node, views, {&output, 1});
  return result;
}

}  // namespace

TEST_CASE("small ops: the oracles give the results worked out by hand", "[ops][cpu]") {
  using Numbers = std::vector<float>;
  CHECK(by_oracle(batch_norm_op(), BatchNormParams{.eps = 1},
                  {{{1, 2, 1, 2}, {1, 3, 10, 20}},
                   {{2}, {2, 4}},    // gamma
                   {{2}, {0.5, 1}},  // beta
                   {{2}, {1, 10}},   // mean
                   {{2}, {3, 15}}}) == Numbers{0.5, 2.5, 1, 11});
  CHECK(by_oracle(relu_op(), {}, {{{1, 1, 1, 3}, {-2, 0, 5}}}) == Numbers{0, 0, 5});
  CHECK(by_oracle(swish_op(), {}, {{{1, 1, 1, 3}, {0, 100, -1000}}}) == Numbers{0, 100, 0});
  CHECK(by_oracle(swish_op(), {}, {{{1}, {1}}})[0] == Approx(0.7310586));
  CHECK(by_oracle(attention_sum_op(), AttentionSumParams{1},
                  {{{1, 2, 1, 2}, {1, 2, 3, 4}}, {{1, 2, 1, 1}, {0.5, 10}}}) ==
        Numbers{0.5, 1, 30, 40});
  CHECK(by_oracle(add_op(), {}, {{{2}, {1, 2}}, {{2}, {10, 20}}}) == Numbers{11, 22});
  CHECK(by_oracle(global_average_pool_op(), {}, {{{1, 2, 2, 1}, {1, 2, 30, 40}}}) ==
        Numbers{1.5, 35});
  CHECK(by_oracle(dense_op(), DenseParams{},
                  {{{2, 2, 1, 1}, {1, 2, 3, 4}}, {{1, 2}, {10, 100}}, {{1}, {0.5}}}) ==
        Numbers{210.5, 430.5});
}

TEST_CASE("relu: NaN stays NaN in the oracle", "[ops][cpu]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(by_oracle(relu_op(), {}, {{{1}, {nan}}})[0]));
}

TEST_CASE("small ops: what does not fit is an error that names the node", "[ops][cpu]") {
  GraphBuilder builder;
  const ValueId a = builder.input("a", {DType::kFloat32, {1, 2, 3, 4}});
  const ValueId b = builder.input("b", {DType::kFloat32, {1, 2, 4, 3}});
  const ValueId flat = builder.input("flat", {DType::kFloat32, {1, 2}});
  using Catch::Contains;
  CHECK_THROWS_WITH(add(builder, a, b, "layer1.sum"),
                    "layer1.sum: cannot add float32 [1, 2, 3, 4] and float32 [1, 2, 4, 3]");
  CHECK_THROWS_WITH(global_average_pool(builder, flat, "gap"), Contains("gap: src [1, 2]"));
  CHECK_THROWS_WITH(batch_norm(builder, flat, "bn1"), Contains("bn1: src [1, 2]"));
}

TEST_CASE("small ops: every CPU variant agrees with the oracle", "[ops][cpu]") {
  for (const Row& row : kRows) test::run_table(row.op, row.graph, kMaps);
  test::run_table(dense_op(), dense_graph, kVectors);
}

TEST_CASE("small ops: every CPU variant agrees with the oracle in bf16", "[ops][cpu][bf16]") {
  for (const Row& row : kRows) {
    for (const char* const text : kMaps) {
      const test::Problem problem(std::string(text) + "_bf16");
      test::run_variants(row.graph(problem), problem);
    }
  }
  for (const char* const text : kVectors) {
    const test::Problem problem(std::string(text) + "_bf16");
    test::run_variants(dense_graph(problem), problem);
  }
}

}  // namespace nestor
