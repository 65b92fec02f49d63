// Whole networks through the CUDA executor on emulated devices, against the oracles of their ops.

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

#include "engine/graph/builder.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/session_internals.h"
#include "graphs/blocks.h"
#include "nestor/error.h"
#include "tests/executor/emulated_model.h"
#include "tests/golden/tolerances.h"
#include "tests/support/interpreter.h"

namespace nestor {

namespace {

// Within the golden data's tolerance for the network's kind of tensor; prints the errors if not.
void check_output(const Session::Output& output, std::span<const float> expected,
                  Precision precision, const std::string& title) {
  const golden::Tolerance& limit = golden::tolerance_of(precision);
  const std::vector<float> got = test::elements(output.tensor);
  if (output.name.ends_with(".attention")) {
    INFO(title << ", largest error");
    CHECK(golden::worst(got, expected, 1) <= limit.attention);
    return;
  }
  const double scale = golden::deviation(expected);
  INFO(title << ", errors over the standard deviation " << scale);
  if (output.name == "logits") {
    CHECK(golden::worst(got, expected, scale) <= limit.logits);
  } else {
    CHECK(golden::root_mean_square(got, expected, scale) <= limit.map_rms);
    CHECK(golden::worst(got, expected, scale) <= limit.map_largest);
  }
}

void check_outputs(const Model& model, const TensorView& input,
                   const std::vector<std::string>& taps, std::span<const Session::Output> outputs,
                   Precision precision, const std::string& title) {
  const auto expected =
      test::interpret(with_taps(model.graph(input.desc.shape), taps), model.weights(), input);
  REQUIRE(outputs.size() == expected.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CHECK(outputs[i].name == expected[i].name);
    check_output(outputs[i], expected[i].data, precision, title + " " + expected[i].name);
  }
}

// A deep stem and classes, where tensor cores pay from batch 16 on.
Graph stem_and_classes(const Shape& input) {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, input});
  const ValueId pooled = deep_stem(b, image, 32);
  b.output("logits", dense(b, global_average_pool(b, pooled, "avgpool"), "classes", 10));
  return b.finish();
}

Graph one_convolution(const Shape& input, const ConvolutionSpec& spec) {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, input});
  const ValueId x = conv_norm(b, image, "conv1", "bn1", spec, true);
  b.output("logits", dense(b, global_average_pool(b, x, "avgpool"), "classes", 10));
  return b.finish();
}

// ResNet's stem.
Graph large_filters(const Shape& input) {
  return one_convolution(input, {.channels = 64, .kernel = 7, .stride = 2, .pad = 3});
}

// For no stem kernel.
Graph dense_filters(const Shape& input) {
  return one_convolution(input, {.channels = 16, .kernel = 5});
}

}  // namespace

TEST_CASE("executor: ResNeSt-14 on emulated devices gives what the oracles say",
          "[simt][executor]") {
  for (const int sm : {70, 80}) {
    for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
      if (sm != 70 && precision == Precision::kFp32) continue;  // the same kernels
      const auto model = test::emulated_model(test::graph_of_network("resnest14"), sm);
      Session session(model, {.precision = precision});
      for (const std::int64_t batch : {1, 2}) {
        const test::Images images({batch, 3, 64, 64});
        const std::string title = fmt::format("sm_{} {} batch {}", sm, to_string(precision), batch);
        check_outputs(*model, images.view(), {}, session.run(images.view()), precision, title);
      }
    }
  }
}

TEST_CASE("executor: fused loads, and all loads apart, give what the oracles say",
          "[simt][executor]") {
  struct Row {
    int sm;
    Precision precision;
    std::vector<std::string> excluded;
    int num_weighted;   // fused convolutions of that kind
    int min_shortcuts;  // likewise: as the model likes
  };
  // Without a kernel that writes the weighted sum every block is weighted in conv3's load, AVD pool
  // included; that and a pooled shortcut are not one launch.
  const Row rows[] = {{70, Precision::kFp16, {"split_attention"}, 4, 1},
                      {75, Precision::kFp16, {"split_attention"}, 4, 1},
                      {80, Precision::kFp16, {"split_attention"}, 4, 1},
                      {70, Precision::kFp32, {"split_attention"}, 4, 0},
                      {75, Precision::kFp16, {"attention_gates"}, 0, 1},
                      {80, Precision::kFp16, {"attention_gates"}, 0, 1},
                      {70, Precision::kFp16, {"fused_convolution_sm70"}, 0, 0}};
  for (const Row& row : rows) {
    const auto model = test::emulated_model(test::graph_of_network("resnest14"), row.sm);
    Session session(model, {.precision = row.precision, .excluded_variants = row.excluded});
    const test::Images images({2, 3, 72, 56});  // odd sides: 9x7, 5x4, 3x2
    const std::string title =
        fmt::format("sm_{} {} without {}", row.sm, to_string(row.precision), row.excluded.front());
    INFO(title);
    int num_weighted = 0, num_shortcuts = 0;
    for (const Step& step : SessionInternals::plan(session, images.view().desc.shape).steps) {
      num_weighted += step.parameters.find("weighted") != std::string::npos ? 1 : 0;
      num_shortcuts += step.parameters.find("+shortcut") != std::string::npos ? 1 : 0;
    }
    CHECK(num_weighted == row.num_weighted);
    CHECK(num_shortcuts >= row.min_shortcuts);
    check_outputs(*model, images.view(), {}, session.run(images.view()), row.precision, title);
  }
}

TEST_CASE("executor: EfficientNet-B2 on emulated devices gives what the oracles say",
          "[simt][executor]") {
  for (const int sm : {70, 80}) {
    for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
      if (sm != 70 && precision == Precision::kFp32) continue;  // the same kernels
      const auto model = test::emulated_model(test::graph_of_network("tf_efficientnet_b2"), sm);
      Session session(model, {.precision = precision});
      // Sides that are odd and even on their way down: "same" padding is unequal at either.
      const test::Images images({2, 3, 52, 39});
      check_outputs(*model, images.view(), {}, session.run(images.view()), precision,
                    fmt::format("sm_{} {}", sm, to_string(precision)));
    }
  }
}

TEST_CASE("executor: averages of many pixels are those of their parts", "[simt][executor]") {
  const auto graph = [](const Shape& input) {
    GraphBuilder b;
    const ValueId image = b.input("input", {DType::kFloat32, input});
    const ValueId x = convolution(b, image, "conv", {.channels = 40, .bias = true});
    b.output("logits", dense(b, global_average_pool(b, x, "avgpool"), "classes", 10));
    return b.finish();
  };
  const auto model = test::emulated_model(graph, 70);
  for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
    Session session(model, {.precision = precision});
    for (const std::int64_t w : {32, 33}) {  // 64 lines: as many pixels as a block takes, and more
      const test::Images images({2, 3, 64, w});
      const Plan plan = SessionInternals::plan(session, images.view().desc.shape);
      CHECK(std::ranges::count(plan.steps, "average_of_parts", &Step::variant) == (w > 32 ? 1 : 0));
      check_outputs(*model, images.view(), {}, session.run(images.view()), precision,
                    fmt::format("{} width {}", to_string(precision), w));
    }
  }
}

// Golden data for these sizes are compared by tests/run.sh; this needs none.
TEST_CASE("executor: ResNeSt-50 at 224x224 on emulated devices gives what the CPU device does",
          "[simt][executor]") {
  const test::Images image({1, 3, 224, 224});
  Session cpu(test::random_model(test::graph_of_network("resnest50")),
              {.precision = Precision::kFp32});
  const std::vector<float> expected = test::run(cpu, image.view());
  for (const int sm : {70, 80}) {
    const auto model = test::emulated_model(test::graph_of_network("resnest50"), sm);
    Session session(model, {.precision = Precision::kFp16});
    check_output(session.run(image.view())[0], expected, Precision::kFp16,
                 fmt::format("sm_{} fp16", sm));
  }
}

TEST_CASE("executor: taps split what is fused", "[simt][executor]") {
  const std::vector<std::string> taps{"stem", "layer1.attention", "layer2", "layer4.attention"};
  const auto model = test::emulated_model(test::graph_of_network("resnest14"), 70);
  Session session(model, {.precision = Precision::kFp16});
  const test::Images images({1, 3, 64, 64});
  const auto outputs = session.run(images.view(), taps);
  check_outputs(*model, images.view(), taps, outputs, Precision::kFp16, "with taps");
}

TEST_CASE("executor: the stem reads the input itself and ends with its maximum",
          "[simt][executor]") {
  const test::Images images({16, 3, 28, 32});
  for (const int sm : {70, 80}) {
    const auto model = test::emulated_model(stem_and_classes, sm);
    Session session(model, {});
    const auto uses = [&](std::string_view variant, std::span<const std::string> taps) {
      const auto& steps = SessionInternals::plan(session, images.view().desc.shape, taps).steps;
      return std::ranges::count(steps, variant, &Step::variant) > 0;
    };
    CHECK(uses("stem_convolution_mma", {}));
    CHECK(uses("convolution_max_pool", {}));
    for (const std::vector<std::string>& taps :
         {std::vector<std::string>{"stem"}, std::vector<std::string>{"bn1.relu", "stem"}}) {
      CHECK(uses("convolution_max_pool", taps) == (taps.size() == 1));
      check_outputs(*model, images.view(), taps, session.run(images.view(), taps), Precision::kFp16,
                    fmt::format("stem on sm_{}, {} taps", sm, taps.size()));
    }
  }
}

TEST_CASE("executor: images give what their normalised values give", "[simt][executor]") {
  struct Row {
    GraphFunction graph;
    int batch, sm;
    Precision precision;
    std::string_view first;  // variant of the first step
  };
  const Row rows[] = {
      {test::graph_of_network("resnest_mini"), 2, 70, Precision::kFp16, "stem_convolution"},
      {test::graph_of_network("resnest_mini"), 2, 80, Precision::kFp32, "stem_convolution"},
      {stem_and_classes, 16, 70, Precision::kFp16, "stem_convolution_mma"},
      {stem_and_classes, 16, 75, Precision::kFp16, "stem_convolution_mma"},
      {stem_and_classes, 16, 80, Precision::kFp16, "stem_convolution_mma"},
      {large_filters, 2, 75, Precision::kFp16, "stem_convolution_mma"},
      {dense_filters, 2, 70, Precision::kFp16, "images_to_nhwc"},
      {dense_filters, 2, 80, Precision::kFp32, "images_to_nhwc"}};
  const Normalisation normalisation{{0.5F, 0.1F, 0.25F}, {0.3F, 1, 0.125F}};
  const std::vector<std::string> taps{"input"};
  for (const Row& row : rows) {
    INFO("sm_" << row.sm << " " << to_string(row.precision) << " " << row.first);
    const auto model = test::emulated_model(row.graph, row.sm);
    Session session(model, {.precision = row.precision, .normalisation = normalisation});
    const test::Levels levels(row.batch, 35, 42);
    const test::Images images = levels.normalised(normalisation);
    const std::vector<float> expected = test::run(session, images.view());
    CHECK(test::run(session, levels.view()) == expected);
    CHECK(SessionInternals::plan(session, levels.view().desc).steps[0].variant == row.first);
    session.submit(levels.view());
    CHECK(test::elements(session.collect()[0].tensor) == expected);
    const auto outputs = session.run(levels.view(), taps);
    CHECK(test::elements(outputs[0].tensor) == expected);
    CHECK(test::elements(outputs[1].tensor) == test::elements(images.view()));
  }
}

TEST_CASE("executor: later runs replay the first one's graph and allocate nothing",
          "[simt][executor]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session session(model, {});
  const test::Images first({2, 3, 16, 16}, 1), second({2, 3, 16, 16}, 2);
  const std::vector<float> once = test::run(session, first.view());
  simt::EmulatedRuntime& runtime = *simt::last_runtime();
  const std::int64_t objects = runtime.num_live_objects();
  const auto calls_of = [&](const test::Images& images) {
    const std::int64_t before = runtime.num_calls();
    static_cast<void>(test::run(session, images.view()));
    return runtime.num_calls() - before;
  };
  CHECK(calls_of(second) == 4);  // upload, graph, download, wait
  CHECK(runtime.num_live_objects() == objects);
  CHECK(test::run(session, first.view()) == once);

  // A larger plan takes a larger arena, into which the smaller one is recorded anew, once.
  const test::Images larger({4, 3, 32, 32}, 3);
  static_cast<void>(test::run(session, larger.view()));
  CHECK(test::run(session, first.view()) == once);
  CHECK(calls_of(second) == 4);
  CHECK(calls_of(larger) == 4);
}

TEST_CASE("executor: profiles have a time for each step", "[simt][executor]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session session(model, {});
  const test::Images images({1, 3, 16, 16});
  const Profile profile = SessionInternals::profile(session, images.view());
  CHECK(profile.step_ms.size() ==
        SessionInternals::plan(session, images.view().desc.shape).steps.size());
}

TEST_CASE("executor: timed runs leave what run() leaves", "[simt][executor]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session session(model, {});
  const test::Images images({1, 3, 16, 16});
  const std::vector<float> expected = test::run(session, images.view());
  const RunTimes times = SessionInternals::time_run(session, images.view(), 3);
  CHECK(times.enqueue_ms > 0);
  CHECK(times.total_ms > 0);
  CHECK(test::run(session, images.view()) == expected);
}

TEST_CASE("executor: sessions share weights on the device", "[simt][executor]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  const test::Images images({1, 3, 16, 16});
  Session one(model, {}), two(model, {});
  const std::vector<float> result = test::run(one, images.view());
  const std::int64_t objects = simt::last_runtime()->num_live_objects();
  CHECK(test::run(two, images.view()) == result);
  // Arena, outputs, input and graph: no weights.
  CHECK(simt::last_runtime()->num_live_objects() == objects + 4);
}

TEST_CASE("executor: what is refused is refused before anything runs", "[simt][executor]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  CHECK_THROWS_AS(Session(model, {.precision = Precision::kBf16}), Error);
  Session session(model, {});
  const std::vector<float> none(3);
  CHECK_THROWS_AS(session.run({{DType::kFloat32, {3}}, none.data()}), Error);
  const test::Images images({1, 3, 16, 16});
  CHECK(test::run(session, images.view()).size() == 10);
}

}  // namespace nestor
