// split_attention and the operators that it stands for: radix_sum, r_softmax, attention_sum.

#include "engine/ops/split_attention/split_attention.h"

#include <catch2/catch.hpp>

#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "tests/support/op_runner.h"

namespace nestor {

namespace {

TensorDesc splits_desc(const test::Problem& p) {
  return {
      DType::kFloat32,
      {p.number("n", 1), p.number("c") * p.number("radix"), p.number("h", 1), p.number("w", 1)}};
}

Graph with_output(GraphBuilder& builder, ValueId value) {
  builder.output("dst", value);
  return builder.finish();
}

Graph radix_sum_graph(const test::Problem& p) {
  GraphBuilder builder;
  const ValueId src = builder.input("src", splits_desc(p));
  return with_output(builder, radix_sum(builder, src, "sum", {p.number("radix")}));
}

Graph r_softmax_graph(const test::Problem& p) {
  GraphBuilder builder;
  const ValueId src = builder.input("src", splits_desc(p));
  return with_output(
      builder, r_softmax(builder, src, "softmax", {p.number("radix"), p.number("cardinality", 1)}));
}

Graph attention_sum_graph(const test::Problem& p) {
  GraphBuilder builder;
  const TensorDesc desc = splits_desc(p);
  const ValueId src = builder.input("src", desc);
  const ValueId attention =
      builder.input("attention", {DType::kFloat32, {desc.shape[0], desc.shape[1], 1, 1}});
  return with_output(builder, attention_sum(builder, src, attention, "out", {p.number("radix")}));
}

Graph split_attention_graph(const test::Problem& p) {
  GraphBuilder builder;
  const std::int64_t radix = p.number("radix"), cardinality = p.number("cardinality", 1);
  const std::int64_t width = p.number("c"), hidden = p.number("hidden");
  SplitAttentionParams params{.radix = p.number("radix"),
                              .cardinality = p.number("cardinality", 1),
                              .has_pool = p.number("avd", 0) > 0,
                              .pool = {}};
  if (params.has_pool) {
    params.pool = {.kind = PoolingParams::Kind::kAverage,
                   .kernel = 3,
                   .stride = p.number("avd"),
                   .pad = 1,
                   .count_include_pad = true};
  }
  const std::vector<ValueId> inputs{
      builder.input("src", splits_desc(p)),
      builder.weight("fc1.weight", {hidden, width / cardinality, 1, 1}),
      builder.weight("fc1.bias", {hidden}),
      builder.weight("fc2.weight", {radix * width, hidden / cardinality, 1, 1}),
      builder.weight("fc2.bias", {radix * width})};
  return with_output(builder, builder.add(split_attention_op(), params, inputs, "out"));
}

constexpr const char* kSums[] = {
    "n2_c64_h7_w9_radix2", "n1_c16_h1_w1_radix2", "n1_c80_h3_w5_radix4",
    "n3_c32_h4_w4_radix3", "n1_c48_h2_w1_radix2", "n1_c16_h13_w1_radix5",
};

constexpr const char* kSoftmaxes[] = {
    "n2_c64_radix2",
    "n1_c64_radix1",
    "n3_c96_radix1_cardinality4",
    "n2_c80_radix2_cardinality2",
    "n1_c80_radix4_cardinality2",
    "n1_c96_radix4_cardinality4",
    "n1_c7_radix3",
};

// Widths and hidden sizes of the published networks and their neighbours; odd maps.
constexpr const char* kBlocks[] = {
    "n2_c64_h14_w13_radix2_hidden32",
    "n1_c64_h8_w8_radix2_hidden32_avd2",
    "n2_c64_h7_w9_radix2_hidden32_avd2",
    "n1_c64_h9_w7_radix2_hidden32_avd1",
    "n1_c64_h5_w5_radix1_hidden32",
    "n1_c64_h5_w6_radix1_hidden32_avd2",
    "n1_c64_h5_w5_radix4_hidden64_avd2",
    "n1_c64_h3_w2_radix3_hidden48_avd1",
    "n2_c80_h5_w3_radix4_cardinality2_hidden80",        // 4s2x40d
    "n1_c80_h5_w3_radix2_cardinality2_hidden40",        // 2s2x40d: the hidden size fills no block
    "n1_c160_h3_w3_radix1_cardinality2_hidden40_avd1",  // 1s2x40d
    "n1_c96_h5_w4_radix1_cardinality4_hidden32_avd2",   // 1s4x24d
    "n1_c96_h5_w4_radix2_cardinality4_hidden48",
    "n1_c32_h4_w4_radix2_cardinality2_hidden34",  // groups end within a block
    "n1_c16_h1_w1_radix2_hidden8_avd2",
    "n1_c16_h1_w17_radix2_hidden33_avd2",
    "n1_c48_h17_w1_radix2_hidden31_avd1",
    "n1_c16_h2_w2_radix2_hidden1",
};

std::vector<float> softmax(RSoftmaxParams params, const std::vector<float>& logits) {
  std::vector<float> result(logits.size());
  r_softmax(params, static_cast<std::int64_t>(logits.size()), logits.data(), result.data());
  return result;
}

struct Row {
  const Op& op;
  test::GraphOf graph;
  std::span<const char* const> problems;
};

const Row kRows[] = {{radix_sum_op(), radix_sum_graph, kSums},
                     {attention_sum_op(), attention_sum_graph, kSums},
                     {r_softmax_op(), r_softmax_graph, kSoftmaxes},
                     {split_attention_op(), split_attention_graph, kBlocks}};

}  // namespace

TEST_CASE("r_softmax: cardinality comes first in src and second in dst", "[ops][cpu]") {
  // Two cardinal groups of one channel: src is [k0r0, k0r1, k1r0, k1r1].
  const float low = 0, high = std::log(3.0F);
  const std::vector<float> dst = softmax({.radix = 2, .cardinality = 2}, {low, high, low, low});
  const std::vector<float> expected{0.25F, 0.5F, 0.75F, 0.5F};  // [r0k0, r0k1, r1k0, r1k1]
  for (std::size_t i = 0; i < 4; ++i) CHECK(dst[i] == Approx(expected[i]));
}

TEST_CASE("r_softmax: a sigmoid with radix 1", "[ops][cpu]") {
  const std::vector<float> dst = softmax({.radix = 1}, {0, std::log(3.0F), -1000, 1000});
  CHECK(dst[0] == Approx(0.5));
  CHECK(dst[1] == Approx(0.75));
  CHECK(dst[2] == 0.0F);
  CHECK(dst[3] == 1.0F);
}

TEST_CASE("r_softmax: large logits do not overflow", "[ops][cpu]") {
  const std::vector<float> dst = softmax({.radix = 2}, {3e38F, 1000, 3e38F, 999});
  CHECK(dst[0] == 0.5F);
  CHECK(dst[2] == 0.5F);
  CHECK(dst[1] == Approx(1 / (1 + std::exp(-1.0))));
  for (const char* const text : {"n1_c16_radix2", "n1_c16_radix1", "n1_c16_radix4_cardinality2"}) {
    const test::Problem problem(text);
    test::run_variants(r_softmax_graph(problem), problem, /*amplitude=*/1e4F);
  }
}

TEST_CASE("split attention: what does not fit is an error that names the node", "[ops][cpu]") {
  GraphBuilder builder;
  const ValueId src = builder.input("src", {DType::kFloat32, {1, 6, 2, 2}});
  const ValueId attention = builder.input("attention", {DType::kFloat32, {1, 4, 1, 1}});
  using Catch::Contains;
  CHECK_THROWS_WITH(radix_sum(builder, src, "radix_sum", {4}), Contains("radix_sum: src [1, 6"));
  CHECK_THROWS_WITH(attention_sum(builder, src, attention, "out", {2}),
                    "out: attention is [1, 4, 1, 1], expected [1, 6, 1, 1]");
  CHECK_THROWS_WITH(r_softmax(builder, attention, "attention2", {2, 3}),
                    Contains("attention2: src is [1, 4, 1, 1], expected [n, multiple of 2 * 3"));
}

TEST_CASE("split attention: every CPU variant agrees with the oracle", "[ops][cpu]") {
  for (const Row& row : kRows) test::run_table(row.op, row.graph, row.problems);
}

TEST_CASE("split attention: every CPU variant agrees with the oracle in bf16", "[ops][cpu][bf16]") {
  for (const Row& row : kRows) {
    for (const char* const text : row.problems) {
      const test::Problem problem(std::string(text) + "_bf16");
      test::run_variants(row.graph(problem), problem);
    }
  }
}

}  // namespace nestor
