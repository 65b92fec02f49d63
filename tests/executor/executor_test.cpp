// Whole networks through the CUDA executor on emulated devices, against the oracles of their ops.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <memory>

#include "engine/error.h"
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
  const Session::Profile profile = session.profile(images.view());
  CHECK(profile.step_ms.size() == session.plan(images.view().desc.shape).steps.size());
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
