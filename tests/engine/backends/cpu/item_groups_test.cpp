// Steps over items: only groups with an item in use run, each with the result of any other.

#include "engine/backends/cpu/item_groups.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "engine/graph/constants.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/proposals/proposals.h"
#include "engine/ops/roi_align/roi_align.h"
#include "tests/support/formats.h"
#include "tests/support/random.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

constexpr std::int64_t kItems = 50, kImages = 2, kChannels = 32;

// The last node is a layer over the pooled regions of two images.
Graph head(bool flat) {
  GraphBuilder b;
  b.input("image", {DType::kFloat32, {kImages, 3, 32, 32}});
  const ValueId boxes = b.input("boxes", {DType::kFloat32, {kImages, kItems, 4}});
  const ValueId count = b.input("count", {DType::kInt32, {kImages}});
  const std::array<ValueId, 1> level{b.input("map", {DType::kFloat32, {kImages, kChannels, 8, 8}})};
  const ValueId pooled =
      roi_align(b, boxes, count, level, "pooled", {.bins_h = 3, .bins_w = 3, .strides = {4}});
  b.output("dst", flat ? dense(b, pooled, "layer", 48)
                       : convolution(b, pooled, "layer", {.channels = 48, .kernel = 3, .pad = 1}));
  return b.finish();
}

// What the layer makes of `src` if that many items of each image are in use; what it leaves alone is
// NaN. count: null for all.
std::vector<float> run(const Graph& graph, std::span<const float> src, const std::int32_t* count) {
  const Node& node = graph.nodes.back();
  const WeightStore store(test::weight_file(graph, 3));
  const Constants constants(graph, store);
  CpuBackend backend;
  const std::vector<BufferFormat> available(node.inputs.size());
  const StepChoice choice = backend.choose({.graph = graph,
                                            .node = node,
                                            .available = available,
                                            .precision = Precision::kFp32,
                                            .threads = 2});
  REQUIRE(choice.kernel != nullptr);
  choice.kernel->load(constants, node.inputs);
  const Shape& from = graph.desc(node.inputs[0]).shape;
  const Shape& to = graph.desc(node.outputs[0]).shape;
  const auto input = backend.allocate(backend.buffer_bytes(from, choice.inputs[0]));
  test::pack(src, from, choice.inputs[0], input.get());
  const std::size_t bytes = backend.buffer_bytes(to, choice.outputs[0]);
  const auto output = backend.allocate(bytes),
             workspace = backend.allocate(choice.workspace_bytes + 1);
  std::memset(output.get(), 0xFF, bytes);
  StepPointers pointers{.inputs = std::vector<void*>(node.inputs.size()),
                        .outputs = {output.get()},
                        .workspace = workspace.get(),
                        .count = count};
  pointers.inputs[0] = input.get();
  choice.kernel->bind(pointers);
  const auto context = backend.make_context(2);
  const ExecutionContext::Scope scope(*context);
  choice.kernel->run(*context);
  return test::unpack(output.get(), to, choice.outputs[0]);
}

std::vector<float> random_src(const Graph& graph) {
  const Shape& shape = graph.desc(graph.nodes.back().inputs[0]).shape;
  return test::random_values(static_cast<std::size_t>(shape.num_elements()), 4);
}

}  // namespace

TEST_CASE("item groups: layers over regions are of items, others are not", "[cpu]") {
  const Graph graph = head(false);
  CHECK_FALSE(cpu::is_of_items(graph, graph.nodes[0]));  // RoIAlign makes the items
  CHECK(cpu::is_of_items(graph, graph.nodes[1]));
  CHECK(count_of_rows(graph, graph.nodes[1]) == graph.nodes[0].inputs[1]);
  CHECK(count_of_rows(graph, graph.nodes[0]) == -1);
}

TEST_CASE("item groups: items in use are computed, groups without one are not", "[cpu]") {
  for (const bool flat : {false, true}) {
    const Graph graph = head(flat);
    const std::vector<float> src = random_src(graph);
    const std::vector<float> all = run(graph, src, nullptr);
    const std::size_t item = all.size() / (kImages * kItems);
    for (const std::int32_t used : {0, 1, 7, 50}) {
      INFO((flat ? "dense, " : "convolution, ") << used << " of the second image");
      const std::int32_t counts[kImages] = {-1, used};
      const std::vector<float> some = run(graph, src, counts);
      std::size_t equal = 0, left = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const bool second = i >= kItems * item;
        const bool in_use = second && i < (kItems + static_cast<std::size_t>(used)) * item;
        equal += in_use && std::memcmp(&some[i], &all[i], sizeof(float)) == 0 ? 1 : 0;
        left += !second && std::isnan(some[i]) ? 1 : 0;
      }
      CHECK(equal == static_cast<std::size_t>(used) * item);
      CHECK(left == kItems * item);  // of the image without an answer nothing is computed
      if (used == 0) CHECK(std::isnan(some[kItems * item]));
    }
  }
}

}  // namespace nestor
