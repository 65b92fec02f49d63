// The parts of a multi-scale evaluation, and all of it against plain loops.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "engine/backend.h"
#include "engine/graph/builder.h"
#include "engine/image/resize.h"
#include "engine/ops/class_map/class_map.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "engine/session_internals.h"
#include "library/multi_scale/evaluation.h"
#include "library/multi_scale/plan.h"
#include "library/multi_scale/scaled_image.h"
#include "nestor/preprocess.h"
#include "tests/support/model.h"
#include "tests/support/random.h"
#include "tests/support/weight_files.h"

namespace nestor {

namespace {

constexpr int kClasses = 5;

// Scores by one convolution whose filter is not symmetric, so that a mirrored image has others.
Graph small_segmenter(const Shape& input) {
  GraphBuilder b;
  const ValueId src = b.input("input", {DType::kFloat32, input});
  const ValueId scores = convolution(
      b, src, "scores", {.channels = kClasses, .kernel = 3, .stride = 4, .pad = 1, .bias = true});
  const ResizeBilinearParams size{input[2], input[3]};
  resize_bilinear(b, scores, "logits", size);
  b.output("classes", class_map(b, scores, "classes", size));
  return b.finish();
}

Image random_image(int height, int width) {
  Image image{width, height,
              std::vector<std::uint8_t>(static_cast<std::size_t>(3 * height * width))};
  test::Random random(7);
  for (std::uint8_t& level : image.rgb) level = static_cast<std::uint8_t>(random.integer(0, 255));
  return image;
}

const MultiScaleOptions kSmall{
    .scales = {0.5, 1.0, 1.6}, .flip = true, .base_size = 40, .crop_size = 32, .batch_size = 6};

using Planes = std::vector<float>;  // [channels][height][width]

Planes mirrored(const Planes& planes, int width) {
  Planes result = planes;
  for (auto row = result.begin(); row != result.end(); row += width) {
    std::reverse(row, row + width);
  }
  return result;
}

// What the network says of one input of kSmall.crop_size.
Planes logits_of(Session& session, const Planes& input) {
  const std::vector<std::string> taps{"logits"};
  const int crop = kSmall.crop_size;
  const TensorView logits =
      session.run({{DType::kFloat32, {1, 3, crop, crop}}, input.data()}, taps).back().tensor;
  return {logits.as<float>(), logits.as<float>() + logits.desc.shape.num_elements()};
}

// The README of the golden data, step by step.
Planes scores_by_the_book(Session& session, const Image& image, bool flip) {
  const Normalisation normalisation;
  const int h = image.height, w = image.width, crop = kSmall.crop_size;
  Planes normalised(image.rgb.size());
  normalise(image, normalisation, normalised.data());
  Planes black(3);
  normalise({1, 1, {0, 0, 0}}, normalisation, black.data());
  Planes total(static_cast<std::size_t>(kClasses * h * w), 0);
  for (const ScalePlan& plan : plan_multi_scale(h, w, kSmall, "image")) {
    const auto size = static_cast<std::size_t>(plan.height * plan.width);
    Planes resized(3 * size), sums(kClasses * size, 0), counts(size, 0);
    resize_align_corners(normalised.data(), 3, h, w, resized.data(), plan.height, plan.width);
    for (const ScaleWindow& window : plan.windows) {
      Planes input;
      for (int c = 0; c < 3; ++c) {
        for (int y = window.top; y < window.top + crop; ++y) {
          for (int x = window.left; x < window.left + crop; ++x) {
            const bool inside = y < plan.height && x < plan.width;
            input.push_back(
                inside ? resized[static_cast<std::size_t>((c * plan.height + y) * plan.width + x)]
                       : black[static_cast<std::size_t>(c)]);
          }
        }
      }
      Planes logits = logits_of(session, input);
      if (flip) {
        const Planes other = mirrored(logits_of(session, mirrored(input, crop)), crop);
        for (std::size_t i = 0; i < logits.size(); ++i) logits[i] += other[i];
      }
      for (int y = window.top; y < std::min(window.bottom, plan.height); ++y) {
        for (int x = window.left; x < std::min(window.right, plan.width); ++x) {
          const auto at = static_cast<std::size_t>(y * plan.width + x);
          ++counts[at];
          for (int k = 0; k < kClasses; ++k) {
            const int from = (k * crop + y - window.top) * crop + x - window.left;
            sums[static_cast<std::size_t>(k) * size + at] +=
                std::exp(logits[static_cast<std::size_t>(from)]);
          }
        }
      }
    }
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] /= counts[i % size];
    Planes large(total.size());
    resize_align_corners(sums.data(), kClasses, plan.height, plan.width, large.data(), h, w);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += large[i];
  }
  return total;
}

}  // namespace

TEST_CASE("multi-scale: sizes and windows worked out by hand", "[library][segment]") {
  const std::vector<ScalePlan> plans = plan_multi_scale(512, 683, {}, "image");
  REQUIRE(plans.size() == 6);
  CHECK(plans[0].height == 195);
  CHECK(plans[0].width == 260);
  CHECK(plans[0].windows == std::vector<ScaleWindow>{{0, 480, 0, 480}});
  CHECK(plans[2].padded_height == 480);
  CHECK(plans[2].padded_width == 520);
  CHECK(plans[2].windows == std::vector<ScaleWindow>{{0, 480, 0, 480}, {0, 480, 320, 520}});
  CHECK(plans[5].windows.back() == ScaleWindow{320, 682, 640, 910});
}

TEST_CASE("multi-scale: an image that would be resized to nothing is named", "[library][segment]") {
  const auto [code, message] = test::error_of([] { plan_multi_scale(2, 2000, {}, "line.png"); });
  CHECK(code == ErrorCode::kBadInput);
  CHECK(message ==
        "line.png: too elongated: 2000 x 2 pixels would be resized to 260 x 0 at scale 0.5");
}

TEST_CASE("multi-scale: options out of range are refused", "[library][segment]") {
  for (const MultiScaleOptions& options :
       {MultiScaleOptions{.scales = {}}, MultiScaleOptions{.scales = {0}},
        MultiScaleOptions{.scales = {1e6}}, MultiScaleOptions{.base_size = 0},
        MultiScaleOptions{.crop_size = 1}, MultiScaleOptions{.batch_size = 0}}) {
    CHECK(test::error_of([&] { plan_multi_scale(40, 40, options, "image"); }).first ==
          ErrorCode::kUsage);
  }
}

TEST_CASE("multi-scale: scores are those of the steps one by one, in batches of any size",
          "[library][segment][cpu]") {
  const auto model = test::random_model(small_segmenter);
  Session session(model, {.precision = Precision::kFp32, .threads = 2});
  for (const auto& [height, width] : {std::pair{37, 61}, {61, 37}, {5, 9}}) {
    const Image image = random_image(height, width);
    for (const bool flip : {true, false}) {
      const Planes expected = scores_by_the_book(session, image, flip);
      for (const std::size_t batch_size : {std::size_t{1}, std::size_t{6}}) {
        MultiScaleOptions options = kSmall;
        options.flip = flip;
        options.batch_size = batch_size;
        MultiScale evaluation(session, {}, kClasses, options, /*wants_scores=*/true);
        const MultiScaleResult result = evaluation.run(image, "image");
        INFO(height << " x " << width << " flip " << flip << " batch " << batch_size);
        CHECK(result.scores == expected);
        const auto pixels = static_cast<std::size_t>(height * width);
        for (std::size_t i = 0; i < pixels; ++i) {
          std::size_t best = 0;
          for (std::size_t k = 1; k < kClasses; ++k) {
            if (expected[k * pixels + i] > expected[best * pixels + i]) best = k;
          }
          if (result.map.classes[i] != best) FAIL("pixel " << i);
        }
      }
    }
  }
}

TEST_CASE("multi-scale: scores count towards a session's limit of memory",
          "[library][segment][cpu]") {
  const auto model = test::random_model(small_segmenter);
  const Image image = random_image(40, 40);
  std::size_t needed = 0;
  {
    Session session(model, {.threads = 1});
    const std::string logits = "logits";
    const std::int64_t crop = kSmall.crop_size;
    needed = SessionInternals::plan(session, Shape{6, 3, crop, crop}, {&logits, 1}).arena_bytes;
  }
  needed += model->backend().loaded_weight_bytes();
  for (const ScalePlan& plan : plan_multi_scale(40, 40, kSmall, "image")) {
    needed += sizeof(float) * kClasses * static_cast<std::size_t>(plan.height * plan.width);
  }
  const auto run = [&](std::uint64_t limit) {
    Session session(model, {.threads = 1, .host_memory_limit = limit});
    MultiScale(session, {}, kClasses, kSmall, false).run(image, "image.png");
  };
  CHECK_NOTHROW(run(needed));
  const auto [code, message] = test::error_of([&] { run(needed - 1); });
  CHECK(code == ErrorCode::kOutOfMemory);
  CHECK_THAT(message, Catch::Contains("image.png: memory for scores of") &&
                          Catch::Contains("the limit is " + std::to_string(needed - 1)));
}

TEST_CASE("multi-scale: without scores the class map is the same", "[library][segment][cpu]") {
  const auto model = test::random_model(small_segmenter);
  Session session(model, {.precision = Precision::kFp32, .threads = 2});
  const Image image = random_image(45, 33);
  MultiScale with(session, {}, kClasses, kSmall, true),
      without(session, {}, kClasses, kSmall, false);
  const MultiScaleResult result = without.run(image, "image");
  CHECK(result.scores.empty());
  CHECK(result.map.classes == with.run(image, "image").map.classes);
}

}  // namespace nestor
