// The small detector through the CUDA executor on emulated devices, against the CPU.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "engine/ops/anchor_rows/anchor_rows.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/proposals/proposals.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/roi_align/roi_align.h"
#include "engine/session_internals.h"
#include "tests/executor/emulated_model.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/mini_detector.h"

namespace nestor {

namespace {

// Boxes, scores and classes of one image of a run, with what is not in use.
using ImageBits = std::vector<std::string>;
ImageBits bits_of(std::span<const Session::Output> outputs, std::int64_t idx) {
  ImageBits bits;
  for (const Session::Output& output : outputs) {
    const std::size_t bytes =
        output.tensor.bytes() / static_cast<std::size_t>(output.tensor.desc.shape[0]);
    bits.emplace_back(output.tensor.as<char>() + static_cast<std::size_t>(idx) * bytes, bytes);
  }
  return bits;
}

}  // namespace

TEST_CASE("executor: the small detector on emulated devices finds what the CPU finds",
          "[simt][executor][detect]") {
  const test::Images image({1, 3, 34, 46});  // odd at most levels
  const test::DetectorRun expected = test::mini_detector_on_cpu(image.view());
  REQUIRE(expected.found.size() > 10);
  struct Device {
    int sm;
    Precision precision;
  };
  for (const Device& device :
       {Device{70, Precision::kFp32}, {70, Precision::kFp16}, {80, Precision::kFp16}}) {
    INFO("sm_" << device.sm);
    Session session(test::emulated_model(test::mini_detector(), device.sm),
                    {.precision = device.precision});
    test::check_mini_detector(session, image.view(), device.precision, expected);
  }
}

TEST_CASE("executor: an image too large for the device is refused before anything runs",
          "[simt][executor][detect]") {
  constexpr std::size_t kMemory = std::size_t{48} << 20;
  Session session(test::emulated_model(test::mini_detector(), 80, {.memory_bytes = kMemory}), {});
  const test::Images small({1, 3, 32, 32}), large({1, 3, 2048, 2048});
  simt::last_runtime()->reset_counters();
  try {
    session.run(large.view());
    FAIL("it ran");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kOutOfMemory);
    const std::string needed =
        std::to_string(SessionInternals::plan(session, large.view().desc.shape).arena_bytes);
    CHECK_THAT(error.what(), Catch::Contains("an arena of " + needed + " bytes is needed") &&
                                 Catch::Contains("bytes of simt:0's memory are free"));
  }
  CHECK(simt::last_runtime()->counters().empty());
  CHECK(session.run(small.view())[0].count[0] >= 0);
}

namespace {

void check_batches(int sm) {
  constexpr std::int64_t kMost = 5;
  const test::Images images({kMost, 3, 32, 32});
  Session session(test::emulated_model(test::mini_detector(), sm), {.deterministic = true});
  std::vector<ImageBits> alone;
  for (std::int64_t i = 0; i < kMost; ++i) {
    alone.push_back(bits_of(session.run(images.image(i)), 0));
  }
  CHECK(alone[0] != alone[1]);
  for (const std::int64_t batch : {2, 3, 5}) {
    const auto outputs = session.run(images.first(batch));
    for (std::int64_t i = 0; i < batch; ++i) {
      INFO(fmt::format("sm_{}, image {} of {}", sm, i, batch));
      CHECK((bits_of(outputs, i) == alone[static_cast<std::size_t>(i)]));
    }
  }
}

}  // namespace

TEST_CASE("executor: an image's detections are the same in every batch, to the bit",
          "[simt][executor][detect][deterministic]") {
  check_batches(70);
}

TEST_CASE("executor: an image's detections are the same in every batch, on newer tensor cores",
          "[simt][executor][detect][deterministic][.long]") {
  check_batches(80);
}

namespace {

constexpr std::int64_t kMostRegions = 500, kRegionPixels = 49, kChannels = 32;

ValueId two_layers(GraphBuilder& b, ValueId src) {
  return dense(b, relu(b, dense(b, src, "hidden", 24), "hidden.relu"), "features", 16);
}

// At most 48 regions an image, in rows for 500: a convolution and layers over them.
Graph few_regions(const Shape& input) {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, input});
  const ValueId map = convolution(b, image, "map", {.channels = kChannels, .bias = true});
  const std::array<ValueId, 1> scores{
      convolution(b, map, "scores", {.channels = kRatios, .bias = true})};
  const std::array<ValueId, 1> deltas{
      convolution(b, map, "deltas", {.channels = 4 * kRatios, .bias = true})};
  const Proposals regions =
      proposals(b, anchor_rows(b, scores, "score_rows", {.width = 1}),
                anchor_rows(b, deltas, "delta_rows", {.width = 4}), "proposals",
                {.levels = {{4, input[2], input[3]}},
                 .height = 4 * input[2],
                 .width = 4 * input[3],
                 .post_nms = kMostRegions});
  const std::array<ValueId, 1> maps{map};
  const ValueId pooled =
      roi_align(b, regions.boxes, regions.count, maps, "pooled", {.strides = {4}});
  const ValueId x =
      convolution(b, pooled, "head", {.channels = kChannels, .kernel = 3, .pad = 1, .bias = true});
  b.output("features", two_layers(b, x));
  b.output("count", regions.count);
  b.tap("head", x);
  return b.finish();
}

Graph two_layers_alone(const Shape& src) {
  GraphBuilder b;
  b.output("features", two_layers(b, b.input("src", {DType::kFloat32, src})));
  return b.finish();
}

void check_two_layers(int sm, Precision precision) {
  INFO(fmt::format("sm_{} {}", sm, to_string(precision)));
  const test::Images images({2, 3, 4, 4});
  const auto model = test::emulated_model(few_regions, sm);
  Session session(model, {.precision = precision});
  const std::vector<std::string> taps{"head"};
  const Plan plan = SessionInternals::plan(session, images.view().desc.shape, taps);
  const auto variant_of = [&](std::string_view name) {
    return std::ranges::find(plan.steps, name, &Step::name)->variant;
  };
  CHECK(variant_of("hidden") == "implicit_gemm");
  CHECK(variant_of("features") == "dense");
  const auto outputs = session.run(images.view(), taps);
  const auto* const count = outputs[1].tensor.as<std::int32_t>();
  const Session::Output& head = outputs.back();
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto rows = static_cast<std::size_t>(count[i]);
    const Shape shape{count[i], kChannels, 7, 7};
    const float* const src = head.tensor.as<float>() + i * kMostRegions * kChannels * kRegionPixels;
    const float* const features = outputs[0].tensor.as<float>() + i * kMostRegions * 16;
    const auto expected =
        test::interpret(two_layers_alone(shape), model->weights(), {{DType::kFloat32, shape}, src});
    CHECK(test::mismatch(std::vector<float>(features, features + rows * 16), expected[0].data,
                         expected[0].desc.shape,
                         test::network_tolerance(precision == Precision::kFp16 ? DType::kFloat16
                                                                               : DType::kFloat32),
                         "features") == "");
  }
}

}  // namespace

TEST_CASE("executor: layers over regions give what the oracles say", "[simt][executor][detect]") {
  check_two_layers(70, Precision::kFp16);
  check_two_layers(80, Precision::kFp16);
  check_two_layers(70, Precision::kFp32);
}

TEST_CASE("executor: regions that are not in use cost next to nothing",
          "[simt][executor][detect]") {
  constexpr std::int64_t kImages = 2, kMacsPerMma = 8 * 8 * 4 * 4;  // of Volta's
  const test::Images images({kImages, 3, 4, 4});
  Session session(test::emulated_model(few_regions, 70), {});
  session.run(images.view());
  const auto* const count = session.run(images.view())[1].tensor.as<std::int32_t>();
  for (std::int64_t i = 0; i < kImages; ++i) CHECK((count[i] > 0 && count[i] <= 48));
  simt::last_runtime()->reset_counters();
  session.run(images.view());
  std::int64_t products = 0;
  for (const auto& [name, counters] : simt::last_runtime()->counters()) products += counters.mma;
  const std::int64_t all_rows =
      kImages * kMostRegions * kRegionPixels * kChannels * 9 * kChannels / kMacsPerMma;
  CHECK(products > 0);
  CHECK(products < all_rows / 5);
}

}  // namespace nestor
