#include "apps/bench/comparison.h"

#include <catch2/catch.hpp>

#include "tests/apps/bench/synthetic_clock.h"

namespace nestor::bench {

namespace {

Rounds measured(unsigned seed, double slower = 1) {
  test::SyntheticClock clock(seed);
  const auto samples = measure({{clock.run(slower)}}, {.rounds = 10}, clock.clocks());
  return times_of(samples[0], &RunTimes::total_ms);
}

}  // namespace

TEST_CASE("comparison: 5 % slower is a regression, 5 % faster is none", "[bench]") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const RatioInterval slower = compare_medians(measured(seed), measured(seed + 100, 1.05));
    CHECK(slower.ratio == Approx(1.05).epsilon(0.02));
    CHECK(slower.is_slower());
    CHECK(slower.low < 1.05);
    CHECK(slower.high > 1.05);
    CHECK(compare_medians(measured(seed), measured(seed + 100, 0.95)).is_faster());
  }
}

TEST_CASE("comparison: a repeat of the same distribution is neither", "[bench]") {
  int verdicts = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    const RatioInterval interval = compare_medians(measured(seed), measured(seed + 100));
    verdicts += interval.is_slower() || interval.is_faster();
  }
  CHECK(verdicts <= 2);  // of a confidence of 99 %
}

TEST_CASE("comparison: the same times give the same interval, around 1", "[bench]") {
  const Rounds times = measured(7);
  const RatioInterval once = compare_medians(times, times), again = compare_medians(times, times);
  CHECK(once.ratio == 1);
  CHECK(once.low < 1);
  CHECK(once.high > 1);
  CHECK((once.low == again.low && once.high == again.high));
}

TEST_CASE("comparison: few times tell nothing", "[bench]") {
  const RatioInterval interval = compare_medians({{1, 1, 1}}, {{2, 2}, {2}});
  CHECK(interval.ratio == 2);
  CHECK_FALSE(interval.is_slower());
  CHECK_FALSE(interval.is_faster());
}

}  // namespace nestor::bench
