// Networks on the GPU at hand, by libnestor_cuda.so, against the oracles of their ops.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <memory>

#include "engine/backend.h"
#include "engine/session_internals.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/mini_detector.h"
#include "tests/support/mini_segmenter.h"
#include "tests/support/model.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

std::shared_ptr<const Model> model_on_gpu(const GraphFunction& graph) {
  const Shape nominal{1, 3, 64, 64};
  return std::make_shared<const Model>(graph, nominal, test::weight_file(graph(nominal), 1),
                                       open_backend("cuda"));
}

void check_outputs(const Model& model, const TensorView& input,
                   const std::vector<std::string>& taps, std::span<const Session::Output> outputs,
                   Precision precision, const std::string& title) {
  const auto expected =
      test::interpret(with_taps(model.graph(input.desc.shape), taps), model.weights(), input);
  const DType storage = precision == Precision::kFp16 ? DType::kFloat16 : DType::kFloat32;
  REQUIRE(outputs.size() == expected.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CHECK(outputs[i].name == expected[i].name);
    CHECK(test::mismatch(test::elements(outputs[i].tensor), expected[i].data,
                         expected[i].desc.shape, test::network_tolerance(storage),
                         title + " " + expected[i].name) == "");
  }
}

}  // namespace

TEST_CASE("networks on a GPU give what the oracles say", "[cuda]") {
  for (const char* network : {"resnest14", "resnest50_fast_4s2x40d", "resnest50_fast_1s4x24d"}) {
    const auto model = model_on_gpu(test::graph_of_network(network));
    for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
      Session session(model, {.precision = precision});
      for (const Shape& shape : {Shape{1, 3, 64, 64}, {3, 3, 65, 97}, {16, 3, 32, 32}}) {
        const test::Images images(shape);
        const std::string title =
            fmt::format("{} {} {}", network, to_string(precision), shape.to_string());
        check_outputs(*model, images.view(), {}, session.run(images.view()), precision, title);
      }
    }
  }
}

TEST_CASE("a detector on a GPU finds what the CPU finds", "[cuda]") {
  const test::Images image({1, 3, 34, 46});
  const test::DetectorRun expected = test::mini_detector_on_cpu(image.view());
  const auto model = model_on_gpu(test::mini_detector());
  for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
    INFO(to_string(precision));
    Session session(model, {.precision = precision});
    test::check_mini_detector(session, image.view(), precision, expected);
  }
}

TEST_CASE("a segmenter on a GPU gives the classes that the CPU gives", "[cuda]") {
  const auto model = model_on_gpu(test::mini_segmenter());
  for (const Shape& shape : {Shape{1, 3, 34, 46}, {3, 3, 27, 33}}) {
    const test::Images images(shape);
    const test::SegmenterRun expected = test::mini_segmenter_on_cpu(images.view());
    for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
      INFO(to_string(precision) << " " << shape.to_string());
      Session session(model, {.precision = precision});
      test::check_mini_segmenter(session, images.view(), precision, expected);
    }
  }
}

TEST_CASE("on a GPU images give what their normalised values give", "[cuda]") {
  const auto model = model_on_gpu(test::graph_of_network("resnest14"));
  const test::Levels levels(16, 64, 80);
  const test::Images images = levels.normalised({});
  for (const Precision precision : {Precision::kFp16, Precision::kFp32}) {
    Session session(model, {.precision = precision});
    CHECK(test::run(session, levels.view()) == test::run(session, images.view()));
  }
}

TEST_CASE("on a GPU taps split what is fused", "[cuda]") {
  const std::vector<std::string> taps{"stem", "layer1.attention", "layer2", "layer4.attention"};
  const auto model = model_on_gpu(test::graph_of_network("resnest14"));
  Session session(model, {.precision = Precision::kFp16});
  const test::Images images({2, 3, 64, 64});
  const auto outputs = session.run(images.view(), taps);
  check_outputs(*model, images.view(), taps, outputs, Precision::kFp16, "with taps");
}

TEST_CASE("a GPU gives the same bits in every run", "[cuda]") {
  const auto model = model_on_gpu(test::graph_of_network("resnest14"));
  Session session(model, {.precision = Precision::kFp16});
  const test::Images images({5, 3, 96, 96});
  const std::vector<float> first = test::run(session, images.view());
  for (int i = 0; i < 20; ++i) CHECK(test::run(session, images.view()) == first);
}

TEST_CASE("a GPU times the parts of a run", "[cuda]") {
  const auto model = model_on_gpu(test::graph_of_network("resnest14"));
  Session session(model, {});
  const test::Images images({1, 3, 64, 64});
  const RunTimes times = SessionInternals::time_run(session, images.view(), 4);
  for (const double ms : {times.upload_ms, times.compute_ms, times.download_ms, times.enqueue_ms}) {
    CHECK(ms > 0);
  }
  CHECK(times.total_ms > 4 * times.compute_ms);
}

TEST_CASE("a GPU's profile has a time for each step", "[cuda]") {
  const auto model = model_on_gpu(test::graph_of_network("resnest14"));
  Session session(model, {});
  const test::Images images({1, 3, 64, 64});
  const Profile profile = SessionInternals::profile(session, images.view());
  CHECK(profile.step_ms.size() ==
        SessionInternals::plan(session, images.view().desc.shape).steps.size());
  for (const double ms : profile.step_ms) CHECK(ms > 0);
}

}  // namespace nestor
