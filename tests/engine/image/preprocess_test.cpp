#include "nestor/preprocess.h"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>

#include "engine/image/resize_plan.h"
#include "nestor/error.h"
#include "tests/support/encode_image.h"

namespace nestor {

namespace {

ErrorCode code_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("no error");
  return {};
}

Preprocess contract(PreprocessContract contract, int crop_size, double crop_ratio = 0.875) {
  return {.contract = contract, .crop_size = crop_size, .crop_ratio = crop_ratio};
}

constexpr auto kAll = {PreprocessContract::kGluoncv, PreprocessContract::kTimm,
                       PreprocessContract::kResnest};

}  // namespace

TEST_CASE("the contracts round sizes and offsets as their frameworks do", "[image][cpu]") {
  using enum PreprocessContract;
  CHECK(plan_resize(640, 427, contract(kGluoncv, 256)).target ==
        ResizeTarget{439, 293, {91, 18, 256, 256}});
  CHECK(plan_resize(640, 480, contract(kTimm, 256)).target ==
        ResizeTarget{389, 292, {66, 18, 256, 256}});
  CHECK(plan_resize(640, 480, contract(kResnest, 320)).window == Window{102, 22, 436, 436});
  CHECK(plan_resize(1, 1, contract(kGluoncv, 224)).target.width == 256);
  CHECK(plan_resize(1, 1, contract(kResnest, 224)).window == Window{0, 0, 1, 1});
}

TEST_CASE("detectors' images get a short side within a longest one, as GluonCV rounds",
          "[image][cpu]") {
  const Preprocess within{.rule = ResizeRule::kShortSideWithin};
  const auto size = [&](int width, int height, const Preprocess& preprocess) {
    const ResizeTarget target = plan_resize(width, height, preprocess).target;
    CHECK(target == ResizeTarget::whole(target.width, target.height));
    return std::pair(target.width, target.height);
  };
  CHECK(size(640, 480, within) == std::pair(1067, 800));
  CHECK(size(640, 427, within) == std::pair(1199, 800));
  CHECK(size(640, 240, within) == std::pair(1333, 500));
  CHECK(size(240, 640, within) == std::pair(500, 1333));
  CHECK(size(1, 1, within) == std::pair(800, 800));
  // 1.5 and 2.5 go to the even neighbour; 5 * 0.5 = 2.5 does not exceed 2.
  Preprocess small{.rule = ResizeRule::kShortSideWithin, .short_side = 1, .longest_side = 2};
  CHECK(size(5, 2, small) == std::pair(2, 1));
  CHECK(size(3, 2, small) == std::pair(2, 1));
  CHECK_THROWS_AS(plan_resize(8000, 2, within), Error);  // no row would be left
  small.longest_side = 0;
  CHECK_THROWS_AS(plan_resize(5, 2, small), Error);

  const Image image = testing::test_picture(64, 24);
  for (const auto rule : kAll) {
    Preprocess preprocess = contract(rule, 32);
    preprocess.rule = ResizeRule::kShortSideWithin;
    preprocess.short_side = 48;
    preprocess.longest_side = 96;
    const Image resized = resize_and_crop(image, preprocess);
    CHECK(std::pair(resized.width, resized.height) == std::pair(96, 36));
    CHECK(resized.rgb ==
          (rule == PreprocessContract::kGluoncv
               ? resize_opencv(image, ResizeTarget::whole(96, 36), Interpolation::kBilinear)
               : resize_pillow(image, ResizeTarget::whole(96, 36), PillowFilter::kBilinear))
              .rgb);
    preprocess.rule = ResizeRule::kNone;
    CHECK(resize_and_crop(image, preprocess).rgb == image.rgb);
  }
}

TEST_CASE("images smaller than the crop are enlarged", "[image][cpu]") {
  for (const auto rule : kAll) {
    for (const auto& [width, height] : {std::pair{1, 1}, std::pair{3, 40}, std::pair{31, 2}}) {
      const Image image = testing::test_picture(width, height);
      const Image result = resize_and_crop(image, contract(rule, 64));
      CHECK(result.width == 64);
      CHECK(result.height == 64);
      CHECK(result.rgb.size() == 64 * 64 * 3);
    }
    const Image one = resize_and_crop({1, 1, {7, 8, 9}}, contract(rule, 64));
    for (std::size_t i = 0; i < one.rgb.size(); ++i) CHECK(one.rgb[i] == 7 + i % 3);
  }
}

TEST_CASE("extremely elongated images are refused by number", "[image][cpu]") {
  using enum PreprocessContract;
  for (const auto rule : {kGluoncv, kTimm}) {
    CHECK_THROWS_WITH(plan_resize(1, 65'535, contract(rule, 224)),
                      Catch::Contains("1 x 65535") && Catch::Contains("256 x 16776960"));
    CHECK(code_of([&] { plan_resize(2'000'000'000, 1, contract(rule, 224)); }) ==
          ErrorCode::kBadInput);
    CHECK(resize_and_crop({4096, 1, std::vector<std::uint8_t>(4096 * 3)}, contract(rule, 224))
              .width == 224);
  }
  CHECK(resize_and_crop({1, 65'535, std::vector<std::uint8_t>(65'535 * 3)}, contract(kResnest, 64))
            .width == 64);
  CHECK(code_of([&] { plan_resize(1, 1, contract(kResnest, 16)); }) == ErrorCode::kBadInput);
}

TEST_CASE("crop sizes and ratios are checked", "[image][cpu]") {
  for (const auto& [size, ratio] :
       {std::pair{0, 0.875}, std::pair{224, 0.0}, std::pair{224, 1.5}, std::pair{100'000, 0.9},
        std::pair{224, 1e-300}, std::pair{224, std::numeric_limits<double>::quiet_NaN()}}) {
    CHECK(code_of([&] { plan_resize(10, 10, contract(PreprocessContract::kTimm, size, ratio)); }) ==
          ErrorCode::kUsage);
  }
}

TEST_CASE("the contract decides on the kernel", "[image][cpu]") {
  const Image image = testing::test_picture(50, 40);
  const ResizeTarget target{46, 37, {7, 2, 32, 32}};
  Preprocess preprocess = contract(PreprocessContract::kGluoncv, 32);
  preprocess.interpolation = Interpolation::kBicubic;
  CHECK(plan_resize(50, 40, preprocess).target == target);
  CHECK(resize_and_crop(image, preprocess).rgb ==
        resize_opencv(image, target, Interpolation::kBicubic).rgb);
}

TEST_CASE("normalising divides twice in float32", "[image][cpu]") {
  const Normalisation normalisation{.mean = {0.485F, 0.456F, 0.406F},
                                    .std = {0.229F, 0.224F, 0.225F}};
  const Image image{2, 1, {0, 1, 2, 253, 254, 255}};
  std::array<float, 6> values{};
  normalise(image, normalisation, values.data());
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < 2; ++i) {
      const volatile float scaled = static_cast<float>(image.rgb[3 * i + c]) / 255.0F;
      const volatile float centred = scaled - normalisation.mean[c];
      CHECK(values[2 * c + i] == centred / normalisation.std[c]);
    }
  }
}

TEST_CASE("preprocessing metadata come back", "[image][cpu]") {
  Preprocess preprocess{.contract = PreprocessContract::kTimm,
                        .crop_size = 320,
                        .crop_ratio = 0.909,
                        .interpolation = Interpolation::kBicubic,
                        .normalisation = {{0.5F, 0.1F, 1.0F / 3}, {0.229F, 0.224F, 0.225F}}};
  CHECK(preprocess_from_json(to_json(preprocess), "file") == preprocess);
  const Preprocess detector{
      .rule = ResizeRule::kShortSideWithin, .short_side = 864, .longest_side = 1440};
  CHECK(preprocess_from_json(to_json(detector), "file") == detector);
  const Preprocess segmenter{.rule = ResizeRule::kNone};
  CHECK(preprocess_from_json(to_json(segmenter), "file") == segmenter);
  CHECK(to_json({}) ==
        R"({"contract":"gluoncv","crop_size":224,"crop_ratio":0.875,"interpolation":"bilinear",)"
        R"("mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]})");
}

TEST_CASE("bad preprocessing metadata are refused, naming the file", "[image][cpu]") {
  for (const char* text :
       {"", "[]", "{}", "{\"contract\":\"gluoncv\"}", R"({"contract":"x","crop_size":224})",
        R"({"contract":"timm","crop_size":0})", R"({"contract":"timm","crop_size":1e30})",
        R"({"contract":"timm","crop_size":224,"crop_ratio":0})",
        R"({"contract":"timm","crop_size":224,"mean":[1,2]})",
        R"({"contract":"timm","crop_size":224,"std":[1,2,0]})",
        R"({"contract":"timm","crop_size":224,"std":"none"})",
        R"({"contract":"timm","crop_size":224,"rule":"stretch"})",
        R"({"contract":"timm","crop_size":224,"short_side":0})",
        R"({"contract":"timm","crop_size":224,"longest_side":99999})",
        R"({"contract":"timm","crop_size":224,"short_side":9,"longest_side":8})",
        R"({"contract":"timm","crop_size":224,"crop_sise":1})"}) {
    INFO(text);
    CHECK(code_of([&] { preprocess_from_json(text, "weights"); }) == ErrorCode::kBadModel);
    CHECK_THROWS_WITH(preprocess_from_json(text, "weights"), Catch::StartsWith("weights: "));
  }
}

TEST_CASE("names of contracts and interpolations are parsed", "[image][cpu]") {
  for (const auto rule : kAll) CHECK(parse_preprocess_contract(to_string(rule)) == rule);
  for (const auto kernel :
       {Interpolation::kNearest, Interpolation::kBilinear, Interpolation::kBicubic}) {
    CHECK(parse_interpolation(to_string(kernel)) == kernel);
  }
  CHECK(parse_interpolation("linear") == Interpolation::kBilinear);
  CHECK(parse_interpolation("cubic") == Interpolation::kBicubic);
  CHECK(code_of([] { parse_interpolation("lanczos"); }) == ErrorCode::kUsage);
  CHECK(code_of([] { parse_preprocess_contract("opencv"); }) == ErrorCode::kUsage);
}

}  // namespace nestor
