#include "apps/drawing/boxes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "apps/drawing/colour.h"
#include "apps/drawing/label_layout.h"

using namespace nestor;

namespace {

Image grey(int width, int height, std::uint8_t level = 128) {
  const auto bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  return {width, height, std::vector<std::uint8_t>(bytes, level)};
}

Colour at(const Image& image, int x, int y) {
  const std::uint8_t* const p =
      &image.rgb[3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
                      static_cast<std::size_t>(x))];
  return {p[0], p[1], p[2]};
}

std::ptrdiff_t pixels_of(const Image& image, Colour colour) {
  std::ptrdiff_t count = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) count += at(image, x, y) == colour ? 1 : 0;
  }
  return count;
}

std::int64_t overlap(const Rect& a, const Rect& b) {
  const int width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const int height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  return width > 0 && height > 0 ? std::int64_t{width} * height : 0;
}

}  // namespace

TEST_CASE("a box is a frame in its class's colour, corners included", "[drawing]") {
  Image picture = grey(200, 160);
  draw_boxes(picture, std::vector<DrawnBox>{{40, 60, 120, 100, 3, "", 0.5F}});
  const Colour colour = class_colour(3);
  for (const auto& [x, y] : {std::pair{40, 60}, {120, 100}, {80, 60}, {80, 100}, {120, 80}}) {
    CHECK(at(picture, x, y) == colour);
  }
  CHECK(at(picture, 80, 80) == Colour{128, 128, 128});
  CHECK(at(picture, 121, 80) == Colour{64, 64, 64});  // the dark line around it
}

TEST_CASE("boxes of higher scores lie on top", "[drawing]") {
  Image picture = grey(200, 160);
  draw_boxes(picture, std::vector<DrawnBox>{{40, 60, 120, 100, 1, "", 0.9F},
                                            {40, 60, 120, 100, 2, "", 0.4F}});
  CHECK(at(picture, 120, 80) == class_colour(1));
}

TEST_CASE("a label is a filled rectangle with its text in black or white", "[drawing]") {
  for (const int class_id : {0, 1, 5}) {
    Image picture = grey(300, 200);
    draw_boxes(picture, std::vector<DrawnBox>{{60, 80, 200, 150, class_id, "person", 0.98F}});
    const Colour colour = class_colour(class_id);
    CHECK(at(picture, 61, 79) == colour);  // above the box, at its left
    CHECK(pixels_of(picture, colour) > 2 * (140 + 70) * 2 + 300);
    CHECK(pixels_of(picture, text_colour_on(colour)) > 20);
  }
}

TEST_CASE("drawing a box changes no pixel far from it", "[drawing]") {
  Image picture = grey(300, 300);
  draw_boxes(picture, std::vector<DrawnBox>{{100, 100, 200, 200, 7, "cup", 0.5F}});
  for (int y = 0; y < 300; ++y) {
    for (int x = 0; x < 300; ++x) {
      if (x >= 90 && x <= 210 && y >= 75 && y <= 210) continue;
      REQUIRE(at(picture, x, y) == Colour{128, 128, 128});
    }
  }
}

TEST_CASE("boxes outside the picture and impossible ones do no harm", "[drawing]") {
  const float huge = std::numeric_limits<float>::max();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinite = std::numeric_limits<float>::infinity();
  const std::vector<DrawnBox> boxes{
      {-huge, -huge, huge, huge, 1, "all", 0.9F},  {nan, 0, 5, 5, 1, "nan", 0.9F},
      {0, 0, infinite, 5, 1, "infinite", 0.9F},    {0, 0, 5, 5, 1, "nan", nan},
      {30, 30, 10, 10, -7, "turned", 0.9F},        {500, 500, 600, 600, 1, "outside", 0.9F},
      {3, 3, 3, 3, 2'000'000'000, "\xFF\n", 0.9F},
  };
  for (const auto& [width, height] : {std::pair{1, 1}, {20, 20}, {1, 300}, {300, 1}, {200, 150}}) {
    Image picture = grey(width, height);
    draw_boxes(picture, boxes);
    CHECK(picture.rgb.size() ==
          static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  }
}

TEST_CASE("labels lie in the picture and do not cover each other while there is room",
          "[drawing]") {
  std::vector<LabelledBox> boxes;
  for (int i = 0; i < 8; ++i) boxes.push_back({{100, 100, 180, 160}, 60, 16});
  const std::vector<Rect> places = place_labels(boxes, 300, 300);
  for (std::size_t i = 0; i < places.size(); ++i) {
    CHECK(places[i].x1 >= 0);
    CHECK(places[i].y2 <= 300);
    if (i < 4) {
      for (std::size_t j = 0; j < i; ++j) CHECK(overlap(places[i], places[j]) == 0);
    }
  }
  CHECK(places[0] == Rect{100, 84, 160, 100});  // on the box, at its left
}

TEST_CASE("a label at the border moves inside", "[drawing]") {
  const std::vector<Rect> places = place_labels(
      std::vector<LabelledBox>{{{-10, -10, 20, 20}, 60, 16}, {{280, 0, 300, 9}, 60, 16}}, 300, 200);
  CHECK(places[0] == Rect{0, 0, 60, 16});
  CHECK(places[1] == Rect{240, 0, 300, 16});
}
