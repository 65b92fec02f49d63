// The small detector through sessions: what its operators' oracles say, and that an image's result
// depends on nothing else.

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "engine/graph/passes/pass.h"
#include "engine/memory_available.h"
#include "engine/session_internals.h"
#include "graphs/zoo.h"
#include "nestor/error.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/model.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

constexpr const char* kMini = "faster_rcnn_fpn_resnest_mini";

GraphFunction mini_graph(float score_threshold) {
  const Network* const network = find_network(kMini);
  return [network, score_threshold](const Shape& input) {
    return build_graph(
        *network, {.num_classes = 10, .detection = {.score_threshold = score_threshold}}, input);
  };
}

std::shared_ptr<const Model> mini_model() { return test::random_model(mini_graph(0)); }

// Each output's part of an image, as bytes, and its count.
using Result = std::vector<std::vector<std::byte>>;
std::vector<Result> results_of(std::span<const Session::Output> outputs, std::int64_t images) {
  std::vector<Result> results(static_cast<std::size_t>(images));
  for (const Session::Output& output : outputs) {
    const std::size_t bytes = output.tensor.bytes() / results.size();
    for (std::size_t i = 0; i < results.size(); ++i) {
      const auto* const from = output.tensor.as<std::byte>() + i * bytes;
      results[i].emplace_back(from, from + bytes);
    }
  }
  return results;
}

std::vector<Result> run(Session& session, const TensorView& input) {
  return results_of(session.run(input), input.desc.shape[0]);
}

}  // namespace

TEST_CASE("faster_rcnn: features are those of the oracles", "[graphs][cpu]") {
  const auto model = mini_model();
  Session session(model, {.precision = Precision::kFp32, .threads = 2});
  const Shape shape{1, 3, 75, 98};  // odd at most levels
  const test::Images images(shape);
  const std::vector<std::string> taps{"C2", "C5", "P2",         "P3",        "P4",
                                      "P5", "P6", "rpn.logits", "rpn.deltas"};
  const auto outputs = session.run(images.view(), taps);
  Graph features = with_taps(model->graph(shape), taps);
  features.outputs.erase(features.outputs.begin(), features.outputs.begin() + 3);
  const auto expected =
      test::interpret(remove_dead_nodes(features), model->weights(), images.view());
  for (const std::string& tap : taps) {
    INFO(tap);
    const auto* const got = &*std::ranges::find(outputs, tap, &Session::Output::name);
    const auto want = std::ranges::find(expected, tap, &test::NamedTensor::name);
    REQUIRE(got->tensor.desc == want->desc);
    CHECK(test::mismatch(test::elements(got->tensor), want->data, want->desc.shape,
                         test::network_tolerance(DType::kFloat32), tap) == "");
  }
}

TEST_CASE("faster_rcnn: an image's result is the same in every batch, to the bit",
          "[graphs][cpu]") {
  const auto model = mini_model();
  Session session(model, {.precision = Precision::kFp32, .threads = 2});
  const test::Images images({5, 3, 64, 96});
  std::vector<Result> alone;
  for (std::int64_t i = 0; i < 5; ++i) alone.push_back(run(session, images.image(i))[0]);
  for (const std::int64_t batch : {1, 2, 3, 5}) {
    INFO("a batch of " << batch);
    const std::vector<Result> together = run(session, images.first(batch));
    for (std::size_t i = 0; i < together.size(); ++i) CHECK(together[i] == alone[i]);
  }
  CHECK(std::ranges::any_of(alone, [&](const Result& result) { return result != alone[0]; }));
}

TEST_CASE("faster_rcnn: the result is the same with any number of threads", "[graphs][cpu]") {
  const auto model = mini_model();
  const test::Images images({1, 3, 70, 130});
  Session one(model, {.precision = Precision::kFp32, .threads = 1});
  Session three(model, {.precision = Precision::kFp32, .threads = 3});
  CHECK((run(one, images.view()) == run(three, images.view())));  // too long to be printed
}

TEST_CASE("faster_rcnn: thresholds leave out detections and change no others", "[graphs][cpu]") {
  const test::Images images({1, 3, 64, 96});
  Session all(mini_model(), {.precision = Precision::kFp32, .threads = 2});
  Session best(test::random_model(mini_graph(0.3F)), {.precision = Precision::kFp32, .threads = 2});
  const auto scores_of = [&](Session& session) {
    const auto outputs = session.run(images.view());
    REQUIRE(outputs[1].count != nullptr);
    REQUIRE(outputs[1].count[0] >= 0);
    const float* const scores = outputs[1].tensor.as<float>();
    return std::vector<float>(scores, scores + outputs[1].count[0]);
  };
  const std::vector<float> many = scores_of(all), few = scores_of(best);
  REQUIRE_FALSE(many.empty());
  CHECK(std::ranges::is_sorted(many, std::greater<>()));
  CHECK(many.back() > 0.01F);
  const auto above = std::ranges::count_if(many, [](float score) { return score >= 0.3F; });
  CHECK(few == std::vector<float>(many.begin(), many.begin() + above));
}

TEST_CASE("faster_rcnn: activations that overflow do no harm", "[graphs][cpu]") {
  Session session(mini_model(), {.precision = Precision::kFp32, .threads = 2});
  const test::Images images({1, 3, 32, 64}, std::vector<float>(3 * 32 * 64, 3e38F));
  const auto outputs = session.run(images.view());
  const std::int32_t count = outputs[0].count[0];
  CHECK((count >= -1 && count <= outputs[1].tensor.desc.shape[1]));
  const float* const boxes = outputs[0].tensor.as<float>();
  CHECK(
      std::all_of(boxes, boxes + 4 * std::max(count, 1), [](float x) { return std::isfinite(x); }));
}

TEST_CASE("faster_rcnn: smallest and longest images", "[graphs][cpu]") {
  Session session(mini_model(), {.precision = Precision::kFp32, .threads = 2});
  for (const Shape& shape : {Shape{1, 3, 32, 32}, Shape{1, 3, 32, 1999}, Shape{1, 3, 1600, 33}}) {
    INFO(shape.to_string());
    const test::Images images(shape);
    CHECK(session.run(images.view())[0].count[0] >= 0);
  }
  const test::Images images({1, 3, 31, 64});
  CHECK_THROWS_AS(session.run(images.view()), Error);
}

TEST_CASE("faster_rcnn: images too large for the memory are refused before anything runs",
          "[graphs][cpu]") {
  Session session(mini_model(), {.precision = Precision::kFp32, .threads = 2});
  const Shape shape{16, 3, 8000, 8000};  // tens of gigabytes
  const std::size_t arena = SessionInternals::plan(session, shape).arena_bytes;
  if (memory_available().value_or(UINT64_MAX) >= arena) return;
  const float pixel = 0;  // who reads on is caught by a sanitizer
  try {
    session.run({{DType::kFloat32, shape}, &pixel});
    FAIL("it ran");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kOutOfMemory);
    CHECK_THAT(error.what(), Catch::Contains(fmt::format("of {} bytes is needed", arena)) &&
                                 Catch::Contains("bytes of memory are available"));
  }
}

TEST_CASE("faster_rcnn: the five levels share the RPN's weights", "[graphs][cpu]") {
  const std::vector<Parameter> all = parameters(*find_network(kMini), {.num_classes = 10});
  for (const char* const name : {"rpn.conv1.weight", "rpn.score.bias", "rpn.loc.weight"}) {
    CHECK(std::ranges::count(all, name, &Parameter::name) == 1);
  }
  const auto shape_of = [&](const char* name) {
    return std::ranges::find(all, name, &Parameter::name)->shape;
  };
  CHECK(shape_of("box_head.fc1.weight") == Shape{192, 64 * 49});
  CHECK(shape_of("class_predictor.weight") == Shape{11, 192});
  CHECK(shape_of("box_predictor.bias") == Shape{40});
  CHECK(shape_of("fpn.lateral5.weight") == Shape{64, 512, 1, 1});
}

}  // namespace nestor
