#include "engine/image/resize.h"

#include <catch2/catch.hpp>
#include <functional>
#include <vector>

#include "tests/support/encode_image.h"

namespace nestor {

namespace {

using Levels = std::vector<int>;

Image grey(int width, int height, const Levels& levels) {
  Image image{width, height, {}};
  for (const int level : levels) {
    image.rgb.insert(image.rgb.end(), 3, static_cast<std::uint8_t>(level));
  }
  return image;
}

Levels levels_of(const Image& image) {
  Levels levels;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    CHECK((image.rgb[i] == image.rgb[i + 1] && image.rgb[i] == image.rgb[i + 2]));
    levels.push_back(image.rgb[i]);
  }
  return levels;
}

struct Kernel {
  const char* name;
  std::function<Image(const Image&, const ResizeTarget&)> resize;
};

const std::vector<Kernel>& kernels() {
  const auto opencv = [](Interpolation interpolation) {
    return [=](const Image& image, const ResizeTarget& target) {
      return resize_opencv(image, target, interpolation);
    };
  };
  const auto pillow = [](PillowFilter filter) {
    return [=](const Image& image, const ResizeTarget& target) {
      return resize_pillow(image, target, filter);
    };
  };
  static const std::vector<Kernel> kKernels = {{"opencv nearest", opencv(Interpolation::kNearest)},
                                               {"opencv linear", opencv(Interpolation::kBilinear)},
                                               {"opencv cubic", opencv(Interpolation::kBicubic)},
                                               {"pillow nearest", pillow(PillowFilter::kNearest)},
                                               {"pillow box", pillow(PillowFilter::kBox)},
                                               {"pillow bilinear", pillow(PillowFilter::kBilinear)},
                                               {"pillow bicubic", pillow(PillowFilter::kBicubic)},
                                               {"pillow lanczos", pillow(PillowFilter::kLanczos)}};
  return kKernels;
}

}  // namespace

// The expected levels are those of the NumPy formulas and of Pillow 13 itself.
TEST_CASE("small pictures are resized as OpenCV and Pillow do", "[image][cpu]") {
  const Image image = grey(4, 2, {0, 100, 255, 30, 7, 90, 200, 255});
  const auto larger = ResizeTarget::whole(7, 3), smaller = ResizeTarget::whole(3, 1);
  CHECK(levels_of(resize_opencv(image, larger, Interpolation::kBilinear)) ==
        Levels{0,   35,  93,  177, 239, 110, 30,  4,   36,  88, 161,
               221, 173, 143, 7,   37,  84,  145, 204, 235, 255});
  CHECK(levels_of(resize_opencv(image, larger, Interpolation::kBicubic)) ==
        Levels{0,   24,  88,  213, 253, 105, 0,   0,   27,  84, 178,
               229, 180, 134, 0,   29,  79,  142, 204, 254, 255});
  CHECK(levels_of(resize_pillow(image, larger, PillowFilter::kNearest)) ==
        Levels{0,   0,   100, 100, 255, 30, 30, 7,   7,   90, 90,
               200, 255, 255, 7,   7,   90, 90, 200, 255, 255});
  CHECK(levels_of(resize_pillow(image, larger, PillowFilter::kBicubic)) ==
        Levels{0,   24,  92,  201, 253, 95, 0,   0,   26,  87, 173,
               228, 174, 134, 0,   28,  82, 144, 203, 252, 255});
  CHECK(levels_of(resize_pillow(image, smaller, PillowFilter::kBox)) == Levels{4, 162, 143});
  CHECK(levels_of(resize_pillow(image, smaller, PillowFilter::kBilinear)) == Levels{31, 162, 168});
  CHECK(levels_of(resize_pillow(image, smaller, PillowFilter::kBicubic)) == Levels{19, 168, 171});
  CHECK(levels_of(resize_pillow(image, smaller, PillowFilter::kLanczos)) == Levels{11, 173, 175});
}

TEST_CASE("the same size changes nothing", "[image][cpu]") {
  const Image image = testing::test_picture(17, 13);
  for (const Kernel& kernel : kernels()) {
    INFO(kernel.name);
    CHECK(kernel.resize(image, ResizeTarget::whole(17, 13)).rgb == image.rgb);
  }
}

TEST_CASE("a window is that part of the whole result", "[image][cpu]") {
  struct Sizes {
    int width, height;
    ResizeTarget target;
  };
  const Sizes all[] = {{31, 23, {64, 50, {10, 7, 33, 29}}}, {200, 150, {40, 30, {5, 6, 20, 10}}},
                       {20, 300, {10, 60, {1, 40, 8, 20}}}, {300, 20, {60, 10, {40, 1, 20, 8}}},
                       {1, 9, {33, 40, {31, 0, 2, 40}}},    {50, 40, {51, 39, {50, 38, 1, 1}}}};
  for (const Kernel& kernel : kernels()) {
    for (const auto& [width, height, target] : all) {
      INFO(kernel.name << " from " << width << " x " << height);
      const Image image = testing::test_picture(width, height);
      const Image whole = kernel.resize(image, ResizeTarget::whole(target.width, target.height));
      CHECK(kernel.resize(image, target).rgb == crop(whole, target.window).rgb);
    }
  }
}

TEST_CASE("a shrink by thousands keeps the level of an even picture", "[image][cpu]") {
  const Image image{20'000, 1, std::vector<std::uint8_t>(60'000, 255)};
  for (const Kernel& kernel : kernels()) {
    INFO(kernel.name);
    CHECK(kernel.resize(image, ResizeTarget::whole(3, 2)).rgb ==
          std::vector<std::uint8_t>(18, 255));
  }
}

TEST_CASE("align-corners bilinear keeps the corners and splits between", "[image][cpu]") {
  const std::vector<float> src = {0, 8, 4, 16, 1, 1, 1, 1};
  std::vector<float> dst(18);
  resize_align_corners(src.data(), 2, 2, 2, dst.data(), 3, 3);
  CHECK(dst == std::vector<float>{0, 4, 8, 2, 7, 12, 4, 10, 16, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  resize_align_corners(src.data(), 1, 2, 2, dst.data(), 1, 1);
  CHECK(dst[0] == 0);
}

}  // namespace nestor
