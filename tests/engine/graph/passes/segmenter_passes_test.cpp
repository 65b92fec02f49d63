// Passes that segmenters call for: split_projection, crop_filters.

#include <fmt/format.h>

#include <array>
#include <catch2/catch.hpp>

#include "engine/graph/builder.h"
#include "engine/graph/passes/pass.h"
#include "engine/ops/concat/concat.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/random.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

using Names = std::vector<std::string>;

Names nodes_of(const Graph& graph) {
  Names result;
  for (const Node& node : graph.nodes) {
    const bool detailed = node.op == &convolution_op();
    result.push_back(fmt::format("{} {}{}", node.name, node.op->name,
                                 detailed ? " " + node.op->describe(node) : ""));
  }
  return result;
}

void check_same_results(const Graph& before, const Graph& after) {
  const WeightStore store(test::weight_file(before, 7));
  const TensorDesc& desc = before.desc(before.inputs[0]);
  const std::vector<float> data =
      test::random_values(static_cast<std::size_t>(desc.shape.num_elements()), 8);
  const auto expected = test::interpret(before, store, {desc, data.data()});
  const auto got = test::interpret(after, store, {desc, data.data()});
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].name == expected[i].name);
    CHECK(test::mismatch(got[i].data, expected[i].data, expected[i].desc.shape,
                         test::tolerance(DType::kFloat32), got[i].name) == "");
  }
}

struct PyramidOptions {
  int maps = 2;
  int pooled = 1;
  bool from_rows = false;  // what is resized has more than a pixel
};

// Maps and pooled vectors, joined and projected.
Graph pyramid(const PyramidOptions& options) {
  GraphBuilder b;
  const ValueId src = b.input("input", {DType::kFloat32, {2, 4, 3, 5}});
  std::vector<ValueId> parts;
  for (int i = 0; i < options.maps; ++i) {
    parts.push_back(convolution(b, src, fmt::format("map{}", i), {.channels = 2 + i}));
  }
  for (int i = 0; i < options.pooled; ++i) {
    const ValueId pooled =
        options.from_rows ? src : global_average_pool(b, src, fmt::format("pool{}", i));
    parts.insert(parts.begin() + i, resize_bilinear(b, pooled, fmt::format("resize{}", i), {3, 5}));
  }
  const ValueId joined = concat(b, parts, "concat");
  b.output("y", relu(b, convolution(b, joined, "project", {.channels = 3, .bias = true}), "relu"));
  return b.finish();
}

Names tail(const Graph& graph, std::string_view of) {
  Names names;
  for (const std::string& name : nodes_of(graph)) {
    if (name.starts_with(of)) names.push_back(name);
  }
  return names;
}

Graph dilated(std::int64_t height, std::int64_t width) {
  GraphBuilder b;
  const ValueId src = b.input("input", {DType::kFloat32, {1, 4, height, width}});
  b.output("y", convolution(b, src, "conv",
                            {.channels = 3, .kernel = 3, .pad = 12, .dilation = 12, .bias = true}));
  return b.finish();
}

}  // namespace

TEST_CASE("split_projection: a sum of convolutions with a bias of the image",
          "[passes][cpu][segment]") {
  const Graph before = pyramid({});
  const Graph after = apply_passes(before);
  CHECK(tail(after, "project") ==
        Names{"project.weight[:, 0:4] weight_slice", "project.weight[:, 4:6] weight_slice",
              "project.weight[:, 6:9] weight_slice", "project[0:4] convolution s1 p0 +bias",
              "project[4:6] convolution s1 p0", "project.image_bias image_bias",
              "project[6:9] convolution s1 p0 +residual relu"});
  CHECK(tail(after, "concat").empty());
  CHECK(tail(after, "resize").empty());
  check_same_results(before, after);
}

TEST_CASE("split_projection: with any number of pooled inputs", "[passes][cpu][segment]") {
  for (const int pooled : {0, 2}) {
    const Graph before = pyramid({.maps = 3, .pooled = pooled});
    const Graph after = apply_passes(before);
    CHECK(tail(after, "concat").empty());
    check_same_results(before, after);
  }
}

TEST_CASE("split_projection: a resized value that is wanted stays, for who wants it",
          "[passes][cpu][segment]") {
  const Names taps{"resize0"};
  const Graph before = with_taps(pyramid({}), taps);
  const Graph after = apply_passes(before);
  CHECK(tail(after, "resize") == Names{"resize0 resize_bilinear"});
  CHECK(tail(after, "concat").empty());
  check_same_results(before, after);
}

TEST_CASE("split_projection: a map that was resized from rows is none of one pixel",
          "[passes][cpu][segment]") {
  const Graph before = pyramid({.from_rows = true});
  const Graph after = apply_passes(before);
  CHECK(tail(after, "project.image_bias").empty());
  CHECK(tail(after, "concat").empty());
  check_same_results(before, after);
}

TEST_CASE("split_projection: not where the concatenation is wanted, nor of a single map",
          "[passes][cpu][segment]") {
  const Names taps{"concat"};
  const Graph wanted = with_taps(pyramid({}), taps);
  CHECK(tail(apply_passes(wanted), "concat") == Names{"concat concat"});
  const Graph single = pyramid({.maps = 1});
  CHECK(tail(apply_passes(single), "concat") == Names{"concat concat"});
  check_same_results(single, apply_passes(single));
}

TEST_CASE("crop_filters: the middle tap where no other sees a pixel", "[passes][cpu][segment]") {
  for (const auto& [height, width] : {std::pair{12, 12}, {1, 1}, {5, 12}}) {
    const Graph before = dilated(height, width);
    const Graph after = crop_filters(before);
    CHECK(nodes_of(after) ==
          Names{"conv.weight[middle] weight_slice", "conv convolution s1 p0 +bias"});
    check_same_results(before, after);
  }
  for (const auto& [height, width] : {std::pair{13, 12}, {12, 13}, {1, 50}}) {
    CHECK(nodes_of(crop_filters(dilated(height, width))) ==
          Names{"conv convolution s1 p12 d12 +bias"});
  }
}

}  // namespace nestor
