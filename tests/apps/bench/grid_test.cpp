#include "apps/bench/grid.h"

#include <catch2/catch.hpp>

#include "nestor/error.h"

namespace nestor::bench {

TEST_CASE("grid: sizes are sides or height by width", "[bench]") {
  CHECK((parse_size("224").height == 224 && parse_size("224").width == 224));
  CHECK((parse_size("161x227").height == 161 && parse_size("161x227").width == 227));
  for (const char* const bad : {"", "x", "224x", "x224", "31", "70000", "-64", "64x64x64", "2e2"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_size(bad), Error);
  }
}

TEST_CASE("grid: every combination once, networks slowest", "[bench]") {
  const std::vector<Cell> cells = cells_of({.networks = {"resnest14", "resnest50"},
                                            .batches = {1, 16},
                                            .precisions = {"fp32", "bf16"},
                                            .devices = {"cpu"},
                                            .threads = {1, 2}});
  REQUIRE(cells.size() == 16);
  CHECK(cells[0].network == "resnest14");
  CHECK(cells[7].network == "resnest14");
  CHECK(cells[8].network == "resnest50");
  CHECK((cells[1].batch == 1 && cells[1].precision == "fp32" && cells[1].threads == 2));
  CHECK((cells[15].batch == 16 && cells[15].precision == "bf16" && cells[15].threads == 2));
}

TEST_CASE("grid: threads are of CPUs, and exclusions add a row each", "[bench]") {
  const std::vector<Cell> cells = cells_of({.weights = {"a.safetensors"},
                                            .devices = {"cuda", "cpu"},
                                            .threads = {1, 2, 4},
                                            .without = {"winograd4", "winograd2"}});
  REQUIRE(cells.size() == 8);
  CHECK((cells[0].device == "cuda" && cells[1].device == "cuda" && cells[2].device == "cpu"));
  CHECK((cells[0].without.empty() && cells[1].without.size() == 2));
}

TEST_CASE("grid: unknown networks and empty grids are usage errors", "[bench]") {
  CHECK_THROWS_WITH(cells_of({.networks = {"resnest5"}}), Catch::Contains("resnest50"));
  CHECK_THROWS_WITH(cells_of({}), Catch::Contains("--network"));
}

}  // namespace nestor::bench
