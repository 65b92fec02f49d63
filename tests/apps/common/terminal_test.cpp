#include "apps/common/terminal.h"

#include <catch2/catch.hpp>

using namespace nestor;

TEST_CASE("text is broken at spaces, and words that are too long stay whole") {
  CHECK(wrapped("one two three", 9, 0, 0) == "one two\nthree");
  CHECK(wrapped("one two three", 9, 2, 0) == "  one two\n  three");
  CHECK(wrapped("one two three", 80, 4, 2) == "  one two three");
  CHECK(wrapped("a incomprehensible b", 5, 1, 0) == " a\n incomprehensible\n b");
  CHECK(wrapped("one\ntwo  three", 80, 0, 0) == "one\ntwo three");
  CHECK(wrapped("", 10, 4, 0).empty());
}
