// The small segmenter through the CUDA executor on emulated devices, against the CPU.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>

#include "tests/executor/emulated_model.h"
#include "tests/support/compare.h"
#include "tests/support/mini_segmenter.h"

namespace nestor {

namespace {

void check_on_device(int sm, Precision precision, const Shape& shape) {
  const test::Images images(shape);
  const test::SegmenterRun expected = test::mini_segmenter_on_cpu(images.view());
  const std::vector<float>& classes = expected.at("classes");
  REQUIRE(std::set<float>(classes.begin(), classes.end()).size() > 1);
  INFO(fmt::format("sm_{} {} {}", sm, to_string(precision), shape.to_string()));
  Session session(test::emulated_model(test::mini_segmenter(), sm), {.precision = precision});
  test::check_mini_segmenter(session, images.view(), precision, expected);
}

// Class maps and scores of all images of a run.
std::vector<std::vector<float>> maps_of(Session& session, const TensorView& images) {
  const std::vector<std::string> taps{"logits"};
  std::vector<std::vector<float>> maps;
  for (const Session::Output& output : session.run(images, taps)) {
    maps.push_back(test::elements(output.tensor));
  }
  return maps;
}

void check_batches(int sm) {
  constexpr std::int64_t kMost = 3;
  const test::Images images({kMost, 3, 26, 31});
  Session session(test::emulated_model(test::mini_segmenter(), sm), {.deterministic = true});
  std::vector<std::vector<std::vector<float>>> alone;
  for (std::int64_t i = 0; i < kMost; ++i) alone.push_back(maps_of(session, images.image(i)));
  CHECK(alone[0] != alone[1]);
  for (const std::int64_t batch : {2, 3}) {
    const auto maps = maps_of(session, images.first(batch));
    for (std::size_t k = 0; k < maps.size(); ++k) {
      std::vector<float> expected;
      for (std::int64_t i = 0; i < batch; ++i) {
        const std::vector<float>& map = alone[static_cast<std::size_t>(i)][k];
        expected.insert(expected.end(), map.begin(), map.end());
      }
      INFO(fmt::format("sm_{}, output {} of {} images", sm, k, batch));
      CHECK(maps[k] == expected);
    }
  }
}

}  // namespace

TEST_CASE("executor: the small segmenter on emulated devices gives what the CPU gives",
          "[simt][executor][segment]") {
  check_on_device(70, Precision::kFp32, {1, 3, 34, 46});
  check_on_device(70, Precision::kFp16, {2, 3, 34, 46});
  check_on_device(80, Precision::kFp16, {1, 3, 5, 67});  // dilated kernels reach beyond both sides
}

TEST_CASE("executor: an image's class map is the same in every batch, to the bit",
          "[simt][executor][segment][deterministic]") {
  check_batches(70);
  check_batches(80);
}

}  // namespace nestor
