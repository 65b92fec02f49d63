#include "engine/graph/passes/fuse_loads.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "engine/graph/passes/pass.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/split_attention/split_attention.h"
#include "graphs/zoo.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/random.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

// A block of each stage: the first has a shortcut of its own, the others AVD and a pooled shortcut.
// Stages of odd sides.
Graph network(const std::vector<std::string>& taps = {}) {
  return apply_passes(
      with_taps(build_graph(*find_network("resnest_mini"), {}, {2, 3, 36, 52}), taps));
}

bool always(const Graph&, std::span<const Node>, std::span<const Node>) { return true; }
bool never(const Graph&, std::span<const Node>, std::span<const Node>) { return false; }

// "operator parameters" of the nodes behind the grouped convolution of a block, in their order.
std::vector<std::string> tail_of(const Graph& graph, const std::string& block) {
  const std::set<std::string> before{block + ".conv1", block + ".conv2.conv"};
  std::vector<std::string> result;
  for (const Node& node : graph.nodes) {
    if (!node.name.starts_with(block) || before.contains(node.name)) continue;
    if (is_constant(graph.value(node.outputs[0]))) continue;
    result.push_back(fmt::format("{} {}", node.op->name, node.op->describe(node)));
  }
  return result;
}

using Texts = std::vector<std::string>;

void check_same_results(const Graph& before, const Graph& after) {
  const WeightStore store(test::weight_file(before, 7));
  const TensorDesc& desc = before.desc(before.inputs[0]);
  const std::vector<float> data =
      test::random_values(static_cast<std::size_t>(desc.shape.num_elements()), 8);
  const auto expected = test::interpret(before, store, {desc, data.data()});
  const auto got = test::interpret(after, store, {desc, data.data()});
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(test::mismatch(got[i].data, expected[i].data, expected[i].desc.shape,
                         test::tolerance(DType::kFloat32), got[i].name) == "");
  }
}

}  // namespace

TEST_CASE("fuse_loads: all that pays, and it computes the same", "[passes][cpu]") {
  const Graph before = network();
  const Graph after = fuse_loads(before, always);
  CHECK(tail_of(after, "layer1.0") == Texts{"split_attention radix 2 cardinality 1 gates",
                                            "fused_convolution of weighted x2 +shortcut relu"});
  for (const char* const block : {"layer2.0", "layer3.0", "layer4.0"}) {
    CHECK(tail_of(after, block) ==
          Texts{"split_attention radix 2 cardinality 1 gates",
                "fused_convolution of weighted x2 pool3 s2 +shortcut pool2 s2 relu"});
  }
  check_same_results(before, after);
}

TEST_CASE("fuse_loads: nothing where nothing pays", "[passes][cpu]") {
  const Graph before = network();
  const Graph after = fuse_loads(before, never);
  CHECK(to_string(after) == to_string(before));
  CHECK(after.values.size() == before.values.size());
}

TEST_CASE("fuse_loads: each fusion for itself", "[passes][cpu]") {
  const Graph before = network();
  const std::string attention = "split_attention radix 2 cardinality 1 +avd s2";
  SECTION("the shortcut's pool") {
    const Graph after = fuse_shortcut_pool(before, always);
    CHECK(tail_of(after, "layer2.0") == Texts{attention, "fused_convolution of pool2 s2",
                                              "convolution s1 p0 +bias +residual relu"});
    check_same_results(before, after);
  }
  SECTION("the weighted sum") {
    const Graph after = fuse_attention_sum(before, always);
    CHECK(tail_of(after, "layer1.0") == Texts{"split_attention radix 2 cardinality 1 gates",
                                              "convolution s1 p0 +bias",
                                              "fused_convolution of weighted x2 +residual relu"});
    check_same_results(before, after);
  }
  SECTION("the shortcut, and then its pool") {
    const Graph merged = fuse_shortcut(before, always);
    CHECK(tail_of(merged, "layer2.0") == Texts{attention, "pooling average 2x2 s2 p0 ceil",
                                               "fused_convolution of src +shortcut relu"});
    check_same_results(before, merged);
    const Graph after = fuse_shortcut_pool(merged, always);
    CHECK(tail_of(after, "layer2.0") ==
          Texts{attention, "fused_convolution of src +shortcut pool2 s2 relu"});
    check_same_results(before, after);
  }
}

TEST_CASE("fuse_loads: asks about the nodes as they run", "[passes][cpu]") {
  Texts asked;
  const auto note = [&](const Graph& graph, std::span<const Node> apart,
                        std::span<const Node> fused) {
    std::string text;
    for (const auto nodes : {apart, fused}) {
      text += nodes.data() == apart.data() ? "" : " ->";
      for (const Node& node : nodes) {
        std::vector<TensorDesc> inferred;
        for (const OutputDesc& output : node.op->infer(node, input_descs(graph, node))) {
          inferred.push_back(output.desc);
        }
        CHECK(inferred == output_descs(graph, node));
        text += fmt::format(" {}", node.op->name);
      }
    }
    CHECK(apart.back().outputs == fused.back().outputs);
    asked.push_back(text);
    return false;
  };
  fuse_loads(network(), note);
  CHECK(std::ranges::count(asked, " pooling convolution -> fused_convolution") == 2 * 3);
  CHECK(std::ranges::count(
            asked, " split_attention convolution -> split_attention fused_convolution") == 4);
  CHECK(std::ranges::count(asked, " convolution convolution -> fused_convolution") == 4);
  CHECK(asked.size() == 14);
}

TEST_CASE("fuse_loads: taps split what is fused", "[passes][cpu]") {
  SECTION("the weighted sum") {
    const Graph before = network({"layer1.0.conv2.out"});
    const Graph after = fuse_loads(before, always);
    CHECK(tail_of(after, "layer1.0") == Texts{"split_attention radix 2 cardinality 1",
                                              "fused_convolution of src +shortcut relu"});
    check_same_results(before, after);
  }
  SECTION("the pool of a shortcut, and a shortcut") {
    const Graph before = network({"layer2.0.downsample.0", "layer3.0.downsample.2"});
    const Graph after = fuse_loads(before, always);
    CHECK(tail_of(after, "layer2.0") ==
          Texts{"split_attention radix 2 cardinality 1 gates", "pooling average 2x2 s2 p0 ceil",
                "fused_convolution of weighted x2 pool3 s2 +shortcut relu"});
    CHECK(tail_of(after, "layer3.0") ==
          Texts{"split_attention radix 2 cardinality 1 gates", "fused_convolution of pool2 s2",
                "fused_convolution of weighted x2 pool3 s2 +residual relu"});
    check_same_results(before, after);
  }
}

}  // namespace nestor
