#include "apps/drawing/class_overlay.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "nestor/error.h"

using namespace nestor;

namespace {

// Left half class 2, right half class 0, but for one pixel of class 7.
IndexImage halves(int width, int height) {
  IndexImage map{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) map.classes.push_back(x < width / 2 ? 2 : 0);
  }
  map.classes.back() = 7;
  return map;
}

Image grey(int width, int height) {
  const auto bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  return {width, height, std::vector<std::uint8_t>(bytes, std::uint8_t{100})};
}

}  // namespace

TEST_CASE("shares of classes, the largest first", "[drawing]") {
  const std::vector<ClassShare> shares = class_shares(halves(10, 4));
  REQUIRE(shares.size() == 3);
  CHECK(shares[0].class_id == 2);
  CHECK(shares[0].pixels == 20);
  CHECK(shares[0].share == 0.5);
  CHECK(shares[1].class_id == 0);
  CHECK(shares[2].class_id == 7);
  CHECK(shares[2].pixels == 1);
}

TEST_CASE("an overlay mixes the picture with the classes' colours", "[drawing]") {
  const Palette palette = load_palette("voc", 8);
  Image picture = grey(10, 4);
  draw_classes(picture, halves(10, 4), palette, 0.5);
  CHECK(picture.rgb[0] == 50);  // class 2 is (0, 128, 0)
  CHECK(picture.rgb[1] == 114);
  CHECK(picture.rgb[27] == 50);  // class 0 is black
  Image same = grey(10, 4);
  draw_classes(same, halves(10, 4), palette, 0);
  CHECK(same.rgb == grey(10, 4).rgb);
  Image classes = grey(10, 4);
  draw_classes(classes, halves(10, 4), palette, 1);
  CHECK(classes.rgb[1] == 128);
  CHECK_THROWS_AS(draw_classes(picture, halves(4, 10), palette, 0.5), Error);
}

TEST_CASE("a legend stands below the picture, which stays as it is", "[drawing]") {
  const Palette palette = load_palette("voc", 8);
  const std::vector<std::string> labels = {"background", "one", "two", "", "", "", "", "seven"};
  for (const auto& [width, height] : {std::pair{1, 1}, {20, 20}, {300, 50}, {1000, 10}}) {
    const Image picture = grey(width, height);
    const Image result = with_legend(picture, halves(width, height), palette, labels);
    CHECK(result.width >= width);
    CHECK(result.height > height);
    const auto stride = static_cast<std::size_t>(result.width) * 3;
    CHECK(result.rgb.size() == stride * static_cast<std::size_t>(result.height));
    CHECK(result.rgb[stride * static_cast<std::size_t>(height - 1)] == 100);
  }
}
