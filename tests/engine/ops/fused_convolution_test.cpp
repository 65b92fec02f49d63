#include "engine/ops/fused_convolution/fused_convolution.h"

#include <catch2/catch.hpp>

#include "engine/graph/builder.h"
#include "engine/graph/oracle.h"

namespace nestor {

namespace {

using Numbers = std::vector<float>;

struct Input {
  Shape shape;
  Numbers values;
};

Numbers by_oracle(const FusedConvolutionParams& params, const std::vector<Input>& inputs) {
  std::vector<TensorView> views;
  for (const Input& input : inputs) {
    views.push_back({{DType::kFloat32, input.shape}, input.values.data()});
  }
  Node node;
  node.name = "conv3";
  return run_oracle(node, fused_convolution_op(), params, views).data;
}

constexpr PoolingParams kPool{
    .kind = PoolingParams::Kind::kAverage, .kernel = 2, .stride = 2, .ceil_mode = true};
constexpr PoolingParams kAvd{.kind = PoolingParams::Kind::kAverage,
                             .kernel = 3,
                             .stride = 1,
                             .pad = 1,
                             .count_include_pad = true};

const Input kPixels{{1, 1, 3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}};
const Input kWeight{{1, 1, 1, 1}, {10}};
const Input kBias{{1}, {0.5}};

}  // namespace

TEST_CASE("fused convolution: the oracle gives the results worked out by hand", "[ops][cpu]") {
  SECTION("every stride-th pixel") {
    CHECK(by_oracle({.source = {.stride = 2}, .shortcut = {}}, {kPixels, kWeight, kBias}) ==
          Numbers{10.5, 30.5, 70.5, 90.5});
  }
  SECTION("a pool over the pixels that exist") {
    CHECK(by_oracle({.source = {.has_pool = true, .pool = kPool}, .shortcut = {}},
                    {kPixels, kWeight, kBias}) == Numbers{30.5, 45.5, 75.5, 90.5});
  }
  SECTION("gates of two radix parts") {
    CHECK(by_oracle({.source = {.radix = 2}, .shortcut = {}},
                    {{{1, 2, 1, 2}, {1, 2, 3, 4}}, kWeight, kBias, {{1, 2, 1, 1}, {0.25, 2}}}) ==
          Numbers{63, 85.5});
  }
  SECTION("gates, and a pool that counts zeros around the image") {
    CHECK(by_oracle({.source = {.radix = 2, .has_pool = true, .pool = kAvd}, .shortcut = {}},
                    {{{1, 2, 1, 2}, {9, 18, 0, 9}}, kWeight, kBias, {{1, 2, 1, 1}, {1, 2}}}) ==
          Numbers{50.5, 50.5});
  }
  SECTION("a shortcut with its own stride, before the ReLU") {
    const Input src{{1, 1, 2, 2}, {1, -9, 3, -100}};
    CHECK(by_oracle({.has_shortcut = true, .shortcut = {.stride = 2}, .relu = true},
                    {src, kWeight, kBias, kPixels, {{1, 1, 1, 1}, {100}}}) ==
          Numbers{110.5, 210.5, 730.5, 0});
  }
  SECTION("a residual") {
    CHECK(by_oracle({.shortcut = {}, .has_residual = true},
                    {{{1, 1, 1, 2}, {1, 2}}, kWeight, kBias, {{1, 1, 1, 2}, {100, 200}}}) ==
          Numbers{110.5, 220.5});
  }
}

TEST_CASE("fused convolution: what does not fit is an error that names the node", "[ops][cpu]") {
  GraphBuilder builder;
  const auto value = [&](const Shape& shape) {
    static int number = 0;
    return builder.input(std::to_string(number++), {DType::kFloat32, shape});
  };
  const auto add = [&](const FusedConvolutionParams& params, const std::vector<Shape>& shapes) {
    std::vector<ValueId> inputs;
    for (const Shape& shape : shapes) inputs.push_back(value(shape));
    builder.add(fused_convolution_op(), params, inputs, "conv3");
  };
  using Catch::Contains;
  const Shape src{2, 8, 4, 4}, weight{16, 8, 1, 1}, bias{16};
  CHECK_THROWS_WITH(add({}, {src, weight}), Contains("conv3: 2 inputs, expected 3"));
  CHECK_THROWS_WITH(add({}, {src, {16, 4, 1, 1}, bias}),
                    Contains("conv3: weight") && Contains("expected [k, 8, 1, 1]"));
  CHECK_THROWS_WITH(add({}, {src, {16, 8, 3, 3}, bias}), Contains("conv3: weight"));
  CHECK_THROWS_WITH(add({}, {src, weight, {8}}), Contains("conv3: bias"));
  CHECK_THROWS_WITH(
      add({.source = {.radix = 2}, .shortcut = {}}, {src, {16, 4, 1, 1}, bias, {2, 4, 1, 1}}),
      Contains("conv3: gates"));
  CHECK_THROWS_WITH(
      add({.source = {.radix = 3}, .shortcut = {}}, {src, {16, 4, 1, 1}, bias, {2, 8, 1, 1}}),
      Contains("conv3: src") && Contains("multiple of 3"));
  const FusedConvolutionParams merged{.has_shortcut = true, .shortcut = {}};
  CHECK_THROWS_WITH(add(merged, {src, weight, bias, {2, 8, 5, 4}, weight}),
                    Contains("conv3: the shortcut is"));
  CHECK_THROWS_WITH(add(merged, {src, weight, bias, src, {8, 8, 1, 1}}),
                    Contains("conv3: the shortcut's weight"));
  CHECK_THROWS_WITH(add({.has_shortcut = true, .shortcut = {}, .has_residual = true},
                        {src, weight, bias, src, weight, {2, 16, 4, 4}}),
                    Contains("conv3") && Contains("not both"));
  CHECK_THROWS_WITH(add({.shortcut = {}, .has_residual = true}, {src, weight, bias, src}),
                    Contains("conv3: residual"));
}

}  // namespace nestor
