// The small detector through the CUDA executor on emulated devices, against the CPU.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "engine/boxes/box.h"
#include "graphs/zoo.h"
#include "tests/executor/emulated_model.h"
#include "tests/golden/tolerances.h"

namespace nestor {

namespace {

struct Found {
  Box box;
  float score = 0;
  std::int32_t class_id = -1;
};

struct Result {
  std::map<std::string, std::vector<float>> taps;
  std::vector<Found> found;
};

const std::vector<std::string> kMaps{"C5", "P2", "P5", "P6", "rpn.logits", "rpn.deltas"};

GraphFunction mini_detector() {
  const Network* const network = find_network("faster_rcnn_fpn_resnest_mini");
  return [network](const Shape& input) {
    return build_graph(*network, {.num_classes = 10, .detection = {.score_threshold = 0.2F}},
                       input);
  };
}

Result run(Session& session, const TensorView& image) {
  Result result;
  const auto outputs = session.run(image, kMaps);
  const float* const boxes = outputs[0].tensor.as<float>();
  const float* const scores = outputs[1].tensor.as<float>();
  const auto* const classes = outputs[2].tensor.as<std::int32_t>();
  REQUIRE(outputs[0].count != nullptr);
  for (int i = 0; i < outputs[0].count[0]; ++i) {
    const float* const at = boxes + std::ptrdiff_t{4} * i;
    result.found.push_back({{at[0], at[1], at[2], at[3]}, scores[i], classes[i]});
  }
  for (const Session::Output& output : outputs) {
    result.taps[output.name] = test::elements(output.tensor);
  }
  return result;
}

// Sides of untrained regions reach thousands of pixels, by exponentials of the head's deltas.
bool alike(const Found& a, const Found& b) {
  const float far = 1e-3F * (b.box.x2 - b.box.x1 + b.box.y2 - b.box.y1) + 0.01F;
  const auto near = [far](float x, float y) { return std::abs(x - y) <= far; };
  return a.class_id == b.class_id && std::abs(a.score - b.score) <= 2e-3F &&
         near(a.box.x1, b.box.x1) && near(a.box.y1, b.box.y1) && near(a.box.x2, b.box.x2) &&
         near(a.box.y2, b.box.y2);
}

// Of `some`, the share that has its like among `others`: rounding may decide which of two regions
// is suppressed.
double share_alike(const std::vector<Found>& some, const std::vector<Found>& others) {
  const auto found = std::ranges::count_if(some, [&](const Found& one) {
    return std::ranges::any_of(others, [&](const Found& other) { return alike(one, other); });
  });
  return static_cast<double>(found) / static_cast<double>(some.size());
}

}  // namespace

TEST_CASE("executor: the small detector on emulated devices finds what the CPU finds",
          "[simt][executor][detect]") {
  const test::Images image({1, 3, 64, 96});
  Session cpu(test::random_model(mini_detector()), {.precision = Precision::kFp32, .threads = 2});
  const Result expected = run(cpu, image.view());
  REQUIRE(expected.found.size() > 10);
  Session session(test::emulated_model(mini_detector(), 70), {.precision = Precision::kFp32});
  const Result got = run(session, image.view());
  const golden::Tolerance& limit = golden::tolerance_of(Precision::kFp32);
  for (const std::string& name : kMaps) {
    INFO(name);
    const std::vector<float>& want = expected.taps.at(name);
    const double scale = golden::deviation(want);
    CHECK(golden::root_mean_square(got.taps.at(name), want, scale) <= limit.map_rms);
    CHECK(golden::worst(got.taps.at(name), want, scale) <= limit.map_largest);
  }
  REQUIRE_FALSE(got.found.empty());
  CHECK(share_alike(got.found, expected.found) > 0.95);
  CHECK(share_alike(expected.found, got.found) > 0.95);
}

}  // namespace nestor
