// Nodes of several outputs of different types, with counts of rows in use, from the builder to the
// session.

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "engine/graph/passes/pass.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/relu/relu.h"
#include "engine/plan/planner.h"
#include "nestor/error.h"
#include "nestor/session.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/model.h"
#include "tests/support/select_op.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

using Catch::Contains;
using test::elements;

constexpr SessionOptions kOneThread{
    .precision = Precision::kFp32, .threads = 1, .excluded_variants = {}};

// A convolution of 24 channels, those that are selected, and a ReLU of them.
Graph selecting(const Shape& input) {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, input});
  const ConvolutionSpec spec{.channels = 24, .kernel = 3, .pad = 1, .bias = true};
  const std::vector<ValueId> selected =
      test::select(b, convolution(b, image, "conv", spec), "pick");
  b.output("channels", selected[1]);
  b.output("rows", relu(b, selected[0], "positive"));
  return b.finish();
}

std::shared_ptr<const Model> selecting_model() {
  const Shape nominal{1, 3, 8, 8};
  return std::make_shared<const Model>(selecting, nominal, test::weight_file(selecting(nominal), 1),
                                       test::cpu_with_select());
}

PlanKey key_of(const Shape& input, std::string device, Precision precision) {
  return {.batch = input[0],
          .height = input[2],
          .width = input[3],
          .precision = precision,
          .device = std::move(device),
          .taps = {},
          .excluded_variants = {}};
}

const Buffer& buffer_of(const Plan& plan, const PlanOutput& output) {
  return plan.buffers[static_cast<std::size_t>(output.buffer)];
}

// CHECKs the outputs against the oracles'; numbers to the bit where they are no float32.
void check_outputs(const Model& model, const TensorView& input,
                   std::span<const Session::Output> outputs,
                   const std::vector<std::string>& taps = {}) {
  const auto expected =
      test::interpret(with_taps(model.graph(input.desc.shape), taps), model.weights(), input);
  REQUIRE(outputs.size() >= expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO(expected[i].name);
    CHECK(outputs[i].name == expected[i].name);
    REQUIRE(outputs[i].tensor.desc == expected[i].desc);
    const std::vector<float> got = elements(outputs[i].tensor);
    const Shape& shape = expected[i].desc.shape;
    if (expected[i].desc.dtype == DType::kFloat32) {
      const test::Tolerance allowed = test::network_tolerance(DType::kFloat32);
      CHECK(test::mismatch(got, expected[i].data, shape, allowed, "oracle") == "");
    } else {
      CHECK(test::difference(got, expected[i].data, shape, "oracle") == "");
    }
  }
}

}  // namespace

TEST_CASE("outputs: a node's values have names, types and counts of their own", "[graph][cpu]") {
  const Graph graph = selecting({2, 3, 6, 5});
  const Node& node = graph.nodes[1];
  REQUIRE(node.outputs.size() == 4);
  std::vector<std::string> names;
  for (const ValueId id : node.outputs) names.push_back(graph.value(id).name);
  CHECK(names == std::vector<std::string>{"pick", "pick.channel", "pick.label", "pick.count"});
  CHECK(graph.desc(node.outputs[1]) == TensorDesc{DType::kInt32, {2, 24}});
  CHECK(graph.desc(node.outputs[2]) == TensorDesc{DType::kUInt8, {2, 24}});
  for (const std::size_t i : {0, 1, 2}) {
    CHECK(graph.value(node.outputs[i]).count == node.outputs[3]);
  }
  CHECK(graph.value(node.outputs[3]).count == -1);
  CHECK(graph.value(graph.nodes[2].outputs[0]).count == node.outputs[3]);  // a ReLU keeps rows
  CHECK(graph.taps.at("pick.label") == node.outputs[2]);
  CHECK_THAT(to_string(graph), Contains("[2, 24, 6, 5], int32 [2, 24], uint8 [2, 24], int32 [2]"));
  CHECK(readers(graph)[static_cast<std::size_t>(node.outputs[0])] == std::vector<int>{2});
  CHECK(readers(graph)[static_cast<std::size_t>(node.outputs[1])].empty());
}

TEST_CASE("outputs: the builder refuses what does not hold together", "[graph][cpu]") {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, {3, 8, 2, 2}});
  CHECK_THROWS_WITH(b.add(test::select_op(), {}, {image}, "pick"), Contains("4 outputs"));
  const auto infer = [](const Node&,
                        std::span<const TensorDesc> inputs) -> std::vector<OutputDesc> {
    return {{inputs[0], {}, {RowsInUse::By::kInput, 0}}};  // not int32 [images]
  };
  const Op miscounted{"miscounted", infer, nullptr, nullptr, nullptr};
  CHECK_THROWS_WITH(b.add(miscounted, {}, {image}, "odd"), Contains("int32 [3]"));
  const auto halves = [](const Node&, std::span<const TensorDesc>) -> std::vector<OutputDesc> {
    return {{DType::kFloat32, Shape{4, 8}}};  // of 3 images
  };
  const Op uneven{"uneven", halves, nullptr, nullptr, nullptr};
  CHECK_THROWS_WITH(b.add(uneven, {}, {image}, "uneven"), Contains("multiple of 3 images"));
}

TEST_CASE("outputs: plans keep types, and counts of outputs are outputs", "[plan][cpu]") {
  const auto backend = test::cpu_with_select();
  const Shape input{2, 3, 6, 5};
  const Graph graph = apply_passes(selecting(input));
  const Plan plan = make_plan(graph, *backend, key_of(input, "cpu", Precision::kFp32)).plan;
  REQUIRE(plan.outputs.size() == 3);
  CHECK(plan.outputs[0].name == "channels");
  CHECK(plan.outputs[1].name == "rows");
  CHECK(plan.outputs[2].name == "pick.count");
  CHECK(plan.outputs[0].count == 2);
  CHECK(plan.outputs[1].count == 2);
  CHECK(plan.outputs[2].count == -1);
  CHECK(buffer_of(plan, plan.outputs[0]).format == BufferFormat{DType::kInt32, Layout::kPlain});
  CHECK(buffer_of(plan, plan.outputs[1]).format == BufferFormat{});
  const auto pick = std::ranges::find(plan.steps, "pick", &Step::name);
  REQUIRE(pick != plan.steps.end());
  REQUIRE(pick->outputs.size() == 4);
  CHECK(plan.buffers[static_cast<std::size_t>(pick->outputs[2])].bytes == 2 * 24);
  // Nobody reads the label: it has memory while it is written, and only then.
  CHECK(plan.buffers[static_cast<std::size_t>(pick->outputs[2])].last_step ==
        pick - plan.steps.begin());
  const auto json = nlohmann::json::parse(to_json(plan));
  CHECK(json["outputs"][0]["count"] == 2);
  CHECK(json["buffers"][static_cast<std::size_t>(plan.outputs[0].buffer)]["dtype"] == "int32");
  CHECK_THAT(to_string(plan), Contains("[2, 24] int32 plain"));
}

TEST_CASE("outputs: sessions give each output in its own type, with its count", "[session][cpu]") {
  const auto model = selecting_model();
  Session session(model, kOneThread);
  const test::Images images({3, 3, 9, 7});
  const auto run = [&](std::span<const std::string> taps) {
    return session.run(images.view(), taps);
  };
  const std::span<const Session::Output> outputs = run({});
  check_outputs(*model, images.view(), outputs);
  REQUIRE(outputs.size() == 3);
  const auto* const counts = outputs[2].tensor.as<std::int32_t>();
  CHECK(outputs[0].count == counts);
  CHECK(outputs[1].count == counts);
  CHECK(outputs[2].count == nullptr);
  const auto* const channels = outputs[0].tensor.as<std::int32_t>();
  std::int32_t used = 0;
  for (int n = 0; n < 3; ++n) {
    used += counts[n];
    for (int row = 0; row < 24; ++row) CHECK((channels[n * 24 + row] >= 0) == (row < counts[n]));
  }
  CHECK((used > 0 && used < 3 * 24));

  const std::vector<std::string> taps{"pick.count", "pick.label"};
  const std::span<const Session::Output> tapped = run(taps);
  check_outputs(*model, images.view(), tapped, taps);
  REQUIRE(tapped.size() == 4);  // the count was asked for: it is not there twice
  CHECK(tapped[0].count == tapped[2].tensor.data);
  CHECK(tapped[3].tensor.desc.dtype == DType::kUInt8);
  CHECK(tapped[3].count == tapped[2].tensor.data);

  session.submit(images.view());
  check_outputs(*model, images.view(), session.collect());
}

TEST_CASE("outputs: GPUs' plans keep types too", "[plan][cuda]") {
  const auto backend = test::described_gpu_with_select("sm_70");
  const Shape input{2, 3, 16, 16};
  const Graph graph = apply_passes(selecting(input));
  const Plan plan = make_plan(graph, *backend, key_of(input, "cuda:sm_70", Precision::kFp16)).plan;
  REQUIRE(plan.outputs.size() == 3);
  CHECK(plan.outputs[0].count == 2);
  CHECK(buffer_of(plan, plan.outputs[0]).format == BufferFormat{DType::kInt32, Layout::kPlain});
  CHECK(buffer_of(plan, plan.outputs[1]).format == BufferFormat{});
  CHECK(buffer_of(plan, plan.outputs[2]).bytes == 2 * sizeof(std::int32_t));
}

TEST_CASE("outputs: what deterministic plans are tuned for counts an image's items",
          "[plan][cuda]") {
  // Quadrants of an image as items: [n, c, h, w] -> [4 * n, c, h / 2, w / 2].
  const auto infer = [](const Node&,
                        std::span<const TensorDesc> inputs) -> std::vector<OutputDesc> {
    const Shape& src = inputs[0].shape;
    return {{DType::kFloat32, Shape{4 * src[0], src[1], src[2] / 2, src[3] / 2}}};
  };
  const Op quadrants{"quadrants", infer, nullptr, nullptr, nullptr};
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, {2, 64, 16, 16}});
  const ValueId items = b.add(quadrants, {}, {image}, "quadrants");
  b.output("y", convolution(b, items, "conv", {.channels = 64, .bias = true}));
  const Graph graph = b.finish();
  CHECK(graph.items(image) == 1);
  CHECK(graph.items(items) == 4);
  CHECK(graph.items(graph.outputs[0].value) == 4);
  const auto backend = open_backend("cuda:sm_70");
  const auto choose = [&](const TunedChoices& tuning) {
    const std::vector<BufferFormat> available(3);
    return backend->choose({.graph = graph,
                            .node = graph.nodes[1],
                            .available = available,
                            .precision = Precision::kFp16,
                            .threads = 1,
                            .deterministic = true,
                            .tuning = &tuning});
  };
  const TunedChoice tuned{.variant = "convolution_fma", .tile = "no such tile", .splits = 1};
  for (const auto& [problem, expected] : {std::pair{"n64_c64_h8_w8_k64_r1_s1_bias_fp16", true},
                                          std::pair{"n16_c64_h8_w8_k64_r1_s1_bias_fp16", false}}) {
    INFO(problem);
    if (expected) {
      CHECK_THROWS_AS(choose({{problem, tuned}}), TuningError);  // the row was found
    } else {
      CHECK_NOTHROW(choose({{problem, tuned}}));
    }
  }
}

}  // namespace nestor
