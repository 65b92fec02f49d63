#include "engine/printable_text.h"

#include <catch2/catch.hpp>

#include "engine/utf8.h"

namespace nestor {

TEST_CASE("printable text has no control characters", "[printable][cpu]") {
  for (const auto& [text, shown] : {std::pair<std::string, std::string>{"cat, tabby", "cat, tabby"},
                                    {"Kätzchen 猫 😀", "Kätzchen 猫 😀"},
                                    {"C:\\x", "C:\\x"},
                                    {"a\x1b]0;title\x07", "a\\x1b]0;title\\x07"},
                                    {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
                                    {std::string("\0\x7f", 2), "\\x00\\x7f"},
                                    {"\xC2\x9B"
                                     "31m",
                                     "\\u009b31m"},
                                    {"\xE2\x80\xA8"
                                     "x\xE2\x80\xAE",
                                     "\\u2028x\\u202e"},
                                    {"\xE2\x81\xA6", "\\u2066"},
                                    {"\x9B\xFF\xC3", "\\x9b\\xff\\xc3"},
                                    {"\xED\xA0\x80", "\\xed\\xa0\\x80"},
                                    {"", ""}}) {
    CHECK(printable(text) == shown);
    CHECK(is_utf8(printable(text)));
  }
}

TEST_CASE("printable lines keep their line breaks", "[printable][cpu]") {
  CHECK(printable_lines("a\n\tb\x1b[1m\r\n") == "a\n\tb\\x1b[1m\\r\n");
}

TEST_CASE("every single byte and pair of bytes becomes printable text", "[printable][cpu]") {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string shown = printable(std::string{static_cast<char>(a), static_cast<char>(b)});
      bool clean = is_utf8(shown);
      for (const char c : shown)
        clean = clean && static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
      REQUIRE(clean);
    }
  }
}

}  // namespace nestor
