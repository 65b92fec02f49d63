#include "library/c_structs.h"

#undef CHECK  // the engine's
#undef CHECK_AS
#include <catch2/catch.hpp>
#include <cstdint>

namespace nestor {

namespace {

struct Known {
  std::size_t size;
  std::int64_t first;
  std::int64_t later;  // not in the first version
};
constexpr std::size_t kFirst = 16;

struct Newer {
  Known known;
  std::int64_t unknown;
};

}  // namespace

TEST_CASE("a struct of an older header lacks what was added", "[c][cpu]") {
  const Known old{kFirst, 7, 8};  // beyond its size lies something else
  const Known read = read_struct(old, kFirst, "it");
  CHECK(read.first == 7);
  CHECK(read.later == 0);
  Known target{kFirst, 0, 99};
  write_struct(&target, Known{0, 1, 2}, target.size);
  CHECK(target.size == kFirst);
  CHECK(target.first == 1);
  CHECK(target.later == 99);
}

TEST_CASE("a struct of a newer header may not ask for what is not known", "[c][cpu]") {
  Newer newer{{sizeof(Newer), 7, 8}, 0};
  CHECK(read_struct(newer.known, kFirst, "it").later == 8);
  newer.unknown = 1;
  CHECK_THROWS_AS(read_struct(newer.known, kFirst, "it"), Error);
  write_struct(&newer, Known{0, 1, 2}, sizeof newer);
  CHECK(newer.known.size == sizeof(Newer));
  CHECK(newer.known.later == 2);
  CHECK(newer.unknown == 0);
}

TEST_CASE("a struct without a size is refused", "[c][cpu]") {
  for (const std::size_t size : {0, 8, 15}) {
    CHECK_THROWS_AS(read_struct(Known{size, 0, 0}, kFirst, "it"), Error);
  }
}

}  // namespace nestor
