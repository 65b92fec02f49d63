#include "apps/drawing/colour.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>

#include "apps/drawing/palette.h"
#include "nestor/error.h"
#include "tests/support/weight_files.h"

using namespace nestor;
using Catch::Matchers::Contains;

TEST_CASE("classes have colours of their own", "[drawing]") {
  std::set<int> different;
  for (int i = 0; i < 80; ++i) {
    const Colour a = class_colour(i), b = class_colour(i + 1);
    different.insert(a.r << 16 | a.g << 8 | a.b);
    CHECK(std::abs(a.r - b.r) + std::abs(a.g - b.g) + std::abs(a.b - b.b) > 100);
    CHECK(std::max({a.r, a.g, a.b}) >= 240);  // bright
  }
  CHECK(different.size() == 80);
  class_colour(std::numeric_limits<int>::min());
}

TEST_CASE("text is black on light colours and white on dark ones", "[drawing]") {
  CHECK(text_colour_on(kWhite) == kBlack);
  CHECK(text_colour_on(kBlack) == kWhite);
  CHECK(text_colour_on({255, 255, 0}) == kBlack);
  CHECK(text_colour_on({0, 0, 255}) == kWhite);
}

TEST_CASE("palettes have the frameworks' colours", "[drawing]") {
  const Palette ade = load_palette("ade20k", 150);
  CHECK(ade.size() == 150);
  CHECK(ade.front() == Colour{120, 120, 120});
  CHECK(ade[1] == Colour{180, 120, 120});
  CHECK(ade[149] == Colour{92, 0, 255});
  const Palette voc = load_palette("voc", 21);
  CHECK(voc.size() == 256);
  CHECK(voc[0] == kBlack);
  CHECK(voc[1] == Colour{128, 0, 0});
  CHECK(voc[15] == Colour{192, 128, 128});
  CHECK(voc[255] == Colour{224, 224, 192});
}

TEST_CASE("a palette comes out of a file, one colour a line", "[drawing]") {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "colours.txt").string();
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write("1 2 3\n255 0 17\r\n");
  CHECK(load_palette(path, 2) == Palette{{1, 2, 3}, {255, 0, 17}});
  CHECK_THROWS_WITH(load_palette(path, 3), Contains("has 2 colours, the model has 3 classes"));
  for (const char* const line :
       {"1 2", "1 2 3 4", "1 2 256", "-1 2 3", "red", "1,2,3", "99999999999999999999 1 1"}) {
    write("0 0 0\n" + std::string(line) + "\n");
    CHECK_THROWS_WITH(load_palette(path, 1), Contains(path + ": the colour of class 1 is"));
  }
  std::string many;
  for (int i = 0; i < 257; ++i) many += "1 1 1\n";
  write(many);
  CHECK_THROWS_WITH(load_palette(path, 1), Contains("more than 256 colours"));
  CHECK_THROWS_AS(load_palette((folder.path() / "none").string(), 1), Error);
  CHECK_THROWS_AS(load_palette("/dev/zero", 1), Error);
}
