#include "tests/support/mini_detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "graphs/zoo.h"
#include "tests/support/compare.h"
#include "tests/support/model.h"

namespace nestor::test {

namespace {

using Found = DetectorRun::Found;

const std::vector<std::string> kMaps{"C5", "P2", "P5", "P6", "rpn.logits", "rpn.deltas"};

DetectorRun run_detector(Session& session, const TensorView& image) {
  DetectorRun result;
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
    result.maps[output.name] = elements(output.tensor);
  }
  return result;
}

// Sides of untrained regions reach thousands of pixels, by exponentials of the head's deltas.
bool alike(const Found& a, const Found& b, Precision precision) {
  const float error = precision == Precision::kFp32 ? 1e-3F : 1e-2F;
  const float far = error * (b.box.x2 - b.box.x1 + b.box.y2 - b.box.y1 + 10);
  const auto near = [far](float x, float y) { return std::abs(x - y) <= far; };
  return a.class_id == b.class_id && std::abs(a.score - b.score) <= 2 * error &&
         near(a.box.x1, b.box.x1) && near(a.box.y1, b.box.y1) && near(a.box.x2, b.box.x2) &&
         near(a.box.y2, b.box.y2);
}

// Of `some`, the share that has its like among `others`: rounding may decide which of two regions
// is suppressed.
double share_alike(const std::vector<Found>& some, const std::vector<Found>& others,
                   Precision precision) {
  const auto found = std::ranges::count_if(some, [&](const Found& one) {
    return std::ranges::any_of(others,
                               [&](const Found& other) { return alike(one, other, precision); });
  });
  return static_cast<double>(found) / static_cast<double>(some.size());
}

}  // namespace

GraphFunction mini_detector() {
  const Network* const network = find_network("faster_rcnn_fpn_resnest_mini");
  return [network](const Shape& input) {
    return build_graph(*network, {.num_classes = 10, .detection = {.score_threshold = 0.2F}},
                       input);
  };
}

DetectorRun mini_detector_on_cpu(const TensorView& image) {
  Session session(random_model(mini_detector()), {.precision = Precision::kFp32, .threads = 2});
  return run_detector(session, image);
}

void check_mini_detector(Session& session, const TensorView& image, Precision precision,
                         const DetectorRun& expected) {
  const bool half = precision == Precision::kFp16;
  const DetectorRun got = run_detector(session, image);
  for (const std::string& name : kMaps) {
    const std::vector<float>& want = expected.maps.at(name);
    CHECK(test::mismatch(got.maps.at(name), want, Shape{static_cast<std::int64_t>(want.size())},
                         network_tolerance(half ? DType::kFloat16 : DType::kFloat32), name) == "");
  }
  REQUIRE_FALSE(got.found.empty());
  const double least = half ? 0.8 : 0.95;
  CHECK(share_alike(got.found, expected.found, precision) > least);
  CHECK(share_alike(expected.found, got.found, precision) > least);
}

}  // namespace nestor::test
