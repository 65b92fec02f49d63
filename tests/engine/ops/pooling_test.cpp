#include "engine/ops/pooling/pooling.h"

#include <catch2/catch.hpp>

#include "tests/support/op_runner.h"

namespace nestor {

namespace {

Graph graph_of(const test::Problem& p) {
  GraphBuilder builder;
  const ValueId src = builder.input(
      "src", {DType::kFloat32, {p.number("n", 1), p.number("c"), p.number("h"), p.number("w")}});
  const PoolingParams params{
      .kind = p.has("max") ? PoolingParams::Kind::kMax : PoolingParams::Kind::kAverage,
      .kernel = p.number("window"),
      .stride = p.number("st", 1),
      .pad = p.number("p", 0),
      .ceil_mode = p.has("ceil"),
      .count_include_pad = p.has("padded")};
  builder.output("dst", pooling(builder, src, "pool", params));
  return builder.finish();
}

constexpr const char* kProblems[] = {
    "max_n2_c64_h33_w47_window3_st2_p1",  // the stem's
    "max_n1_c3_h8_w8_window3_st2_p1",
    "max_n1_c17_h6_w7_window3_st2_ceil",  // SENet's
    "max_n1_c16_h1_w1_window3_st2_p1",
    "mean_n2_c64_h14_w15_window3_st2_p1_padded",  // AVD
    "mean_n1_c64_h7_w5_window3_st1_p1_padded",    // AVD, dilated
    "mean_n1_c20_h1_w2_window3_st1_p1_padded",
    "mean_n1_c15_h1_w1_window3_st2_p1_padded",
    "mean_n2_c64_h41_w57_window2_st2_ceil",  // shortcut, odd on both sides
    "mean_n1_c40_h8_w9_window2_st2_ceil",
    "mean_n1_c17_h1_w1_window2_st2_ceil",
    "mean_n1_c9_h13_w11_window4_st2_p1_ceil",
    "mean_n1_c1_h2_w2_window1",
};

std::vector<float> by_oracle(const PoolingParams& params, const Shape& shape,
                             const std::vector<float>& src) {
  const Node node{&pooling_op(), params, {}, {}, "pool"};
  const TensorDesc desc{DType::kFloat32, shape};
  const TensorDesc dst = pooling_op().infer(node, {&desc, 1})[0].desc;
  std::vector<float> result(static_cast<std::size_t>(dst.shape.num_elements()));
  const TensorView view{desc, src.data()};
  const MutableTensorView output{dst, result.data()};
  pooling_op().reference(node, {&view, 1}, {&output, 1});
  return result;
}

}  // namespace

TEST_CASE("pooling: extents, ceil mode and its left-out windows", "[ops][cpu]") {
  const PoolingParams floor{.kernel = 3, .stride = 2, .pad = 1};
  CHECK(pooled_size(floor, 112) == 56);
  CHECK(pooled_size(floor, 113) == 57);
  CHECK(pooled_size(floor, 1) == 1);
  const PoolingParams ceil{.kernel = 2, .stride = 2, .ceil_mode = true};
  CHECK(pooled_size(ceil, 8) == 4);
  CHECK(pooled_size(ceil, 9) == 5);
  CHECK(pooled_size(ceil, 1) == 1);
  CHECK(pooled_size({.kernel = 3, .stride = 2, .ceil_mode = true}, 112) == 56);  // SENet
  CHECK(pooled_size({.kernel = 4, .stride = 2, .pad = 1, .ceil_mode = true}, 14) == 7);
  // The third window would begin at pixel 3, in the right padding.
  CHECK(pooled_size({.kernel = 2, .stride = 2, .pad = 1, .ceil_mode = true}, 3) == 2);
  // Nothing fits: ceil((1 - 3) / 2) + 1 = 0.
  CHECK(pooled_size({.kernel = 3, .stride = 2, .ceil_mode = true}, 1) == 0);
  CHECK(pooled_size({.kernel = 3, .stride = 2}, 2) == 0);
}

TEST_CASE("pooling: the oracle gives the results worked out by hand", "[ops][cpu]") {
  const std::vector<float> pixels{-1, -2, -3, -4, -5, -6, -7, -8, -9};
  using Numbers = std::vector<float>;
  using Kind = PoolingParams::Kind;
  SECTION("padding never wins a maximum") {
    CHECK(by_oracle({.kernel = 3, .stride = 2, .pad = 1}, {1, 1, 3, 3}, pixels) ==
          Numbers{-1, -2, -4, -5});
  }
  SECTION("a mean that counts its padding divides by 9") {
    CHECK(
        by_oracle(
            {.kind = Kind::kAverage, .kernel = 3, .stride = 2, .pad = 1, .count_include_pad = true},
            {1, 1, 3, 3}, {9, 0, 0, 0, 9, 0, 0, 0, 18}) == Numbers{2, 1, 1, 3});
  }
  SECTION("ceil mode divides by the pixels that exist") {
    CHECK(by_oracle({.kind = Kind::kAverage, .kernel = 2, .stride = 2, .ceil_mode = true},
                    {1, 1, 3, 3}, pixels) == Numbers{-3, -4.5, -7.5, -9});
  }
}

TEST_CASE("pooling: a window that does not fit is an error that names the node", "[ops][cpu]") {
  GraphBuilder builder;
  const ValueId src = builder.input("src", {DType::kFloat32, {1, 2, 2, 9}});
  CHECK_THROWS_WITH(pooling(builder, src, "stem.pool", {.kernel = 3}),
                    "stem.pool: a window of 3 does not fit into [1, 2, 2, 9]");
}

TEST_CASE("pooling: every CPU variant agrees with the oracle", "[ops][cpu]") {
  test::run_table(pooling_op(), graph_of, kProblems);
}

TEST_CASE("pooling: every CPU variant agrees with the oracle in bf16", "[ops][cpu][bf16]") {
  for (const char* const text : kProblems) {
    const test::Problem problem(std::string(text) + "_bf16");
    test::run_variants(graph_of(problem), problem);
  }
}

}  // namespace nestor
