#include "weights_convert/pretrained/download.h"

#include <catch2/catch.hpp>
#include <limits>

namespace nestor {

TEST_CASE("waits between attempts double, and end at half a minute", "[pretrained][cpu]") {
  using std::chrono::milliseconds;
  constexpr int kMostFailures = std::numeric_limits<int>::max();
  constexpr std::int64_t kMostSeconds = std::numeric_limits<std::int64_t>::max();
  CHECK(retry_wait(1, 0) == milliseconds(500));
  CHECK(retry_wait(2, 0) == milliseconds(1000));
  CHECK(retry_wait(6, 0) == milliseconds(16'000));
  for (const int failures : {7, 8, 63, 64, 65, 1000, kMostFailures}) {
    CHECK(retry_wait(failures, 0) == milliseconds(30'000));
  }
  CHECK(retry_wait(1, 3) == milliseconds(3000));
  CHECK(retry_wait(4, 3) == milliseconds(4000));
  CHECK(retry_wait(1, -1) == milliseconds(500));
  CHECK(retry_wait(1, 3600) == milliseconds(30'000));
  CHECK(retry_wait(1, kMostSeconds) == milliseconds(30'000));
  CHECK(retry_wait(kMostFailures, -kMostSeconds) == milliseconds(30'000));
}

}  // namespace nestor
