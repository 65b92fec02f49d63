#include "apps/drawing/text.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace nestor;

namespace {

Image white(int width, int height) {
  const auto bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  return {width, height, std::vector<std::uint8_t>(bytes, std::uint8_t{255})};
}

Image drawn(const std::string& text, int size) {
  Image picture = white(text_width(text, size), size);
  Canvas canvas(picture);
  draw_text(canvas, 0, 0, text, size, kBlack);
  return picture;
}

}  // namespace

TEST_CASE("text grows with its size and its letters", "[drawing]") {
  CHECK(text_width("", 20) == 0);
  CHECK(text_width("ab", 20) > text_width("a", 20));
  CHECK(text_width("person", 40) == Approx(2 * text_width("person", 20)).margin(2));
}

TEST_CASE("letters are drawn, each its own", "[drawing]") {
  const std::vector<std::string> texts = {"a", "b", "8", "\u00e9", "\u0416", "\u03b1", "?"};
  for (const std::string& text : texts) {
    const Image picture = drawn(text, 24);
    CHECK(std::ranges::count(picture.rgb, 0) > 3 * 20);
    for (const std::string& other : texts) {
      if (other != text) CHECK(drawn(other, 24).rgb != picture.rgb);
    }
  }
}

TEST_CASE("what is no letter is drawn as the replacement character", "[drawing]") {
  const Image replaced = drawn("\uFFFD", 24);
  for (const char* const text : {"\xFF", "\n", "\x7F", "\xC3", "\u4e2d"}) {
    CHECK(drawn(text, 24).rgb == replaced.rgb);
  }
  CHECK(text_width("\xE2\x82", 24) == 2 * text_width("\uFFFD", 24));
}

TEST_CASE("long text is cut with an ellipsis, between characters", "[drawing]") {
  CHECK(text_within("person", 20, 1000) == "person");
  const std::string cut = text_within("traffic light", 20, 80);
  CHECK(cut.ends_with("\u2026"));
  CHECK(cut.starts_with("traf"));
  CHECK(text_width(cut, 20) <= 80);
  CHECK(text_within("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9", 20, 50).find("\u00e9\u2026") !=
        std::string::npos);
  CHECK(text_within("person", 20, 5).empty());
  CHECK(text_within("person", 20, -5).empty());
}
