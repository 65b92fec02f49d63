#include "apps/common/progress.h"

#include <catch2/catch.hpp>

using namespace nestor;

TEST_CASE("a progress line has a bar, amounts, rate and time left") {
  CHECK(progress_line({"classifying", 10, 40, 8}, 100) ==
        "classifying [#######.......................] 10/40  8.0/s  0:03 left");
  CHECK(progress_line({"classifying", 0, 40, 0}, 100) ==
        "classifying [..............................] 0/40");
  CHECK(progress_line({"pulling", 25'000'000, 100'000'000, 5e6, ProgressUnit::kBytes}, 100) ==
        "pulling [#######.......................] 25.0/100.0 MB  5.0 MB/s  0:15 left");
}

TEST_CASE("a progress line never exceeds the terminal and keeps what matters most") {
  const ProgressState state{"classifying", 12'345, 1'281'167, 41.2};
  for (std::size_t columns = 0; columns < 120; ++columns) {
    CHECK(progress_line(state, columns).size() <= columns);
  }
  CHECK(progress_line(state, 39) == "classifying 12345/1281167  41.2/s");
  CHECK(progress_line(state, 50) == "classifying 12345/1281167  41.2/s  513:16 left");
  CHECK(progress_line({"classifying", 3, 40, 4}, 60) ==
        "classifying [#......................] 3/40  4.0/s  0:09 left");
}
