#include "apps/bench/comparison.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <random>

#include "tests/apps/bench/synthetic_clock.h"

namespace nestor::bench {

namespace {

Rounds measured(unsigned seed, double slower = 1) {
  test::SyntheticClock clock(seed);
  const auto samples = measure({{clock.run(slower)}}, {.rounds = 10}, clock.clocks());
  return times_of(samples[0], &RunTimes::total_ms);
}

// 10 rounds of 30 times each, with a deviation of 2 % in a round and `drift` between them.
Rounds drawn(std::mt19937_64& random, double ms, double drift) {
  Rounds rounds(10, std::vector<double>(30));
  for (auto& round : rounds) {
    const double middle = ms * (1 + drift * std::normal_distribution<double>()(random));
    for (double& time : round) time = middle * std::normal_distribution<double>(1, 0.02)(random);
  }
  return rounds;
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

TEST_CASE("comparison: the interval holds the true ratio as often as it says", "[bench][slow]") {
  std::mt19937_64 random(1);
  int held = 0;
  for (int i = 0; i < 60; ++i) {
    const Rounds before = drawn(random, 10, 0.02), after = drawn(random, 10.5, 0.02);
    const RatioInterval interval = compare_medians(before, after, /*confidence=*/0.9);
    held += interval.low < 1.05 && interval.high > 1.05;
  }
  CHECK(held >= 47);  // 54 in the mean, with a deviation of 2.3
  CHECK(held < 60);
}

TEST_CASE("comparison: the interval is as wide as the distribution makes it", "[bench]") {
  std::mt19937_64 random(1);
  const Rounds before = drawn(random, 10, 0), after = drawn(random, 10, 0);
  const RatioInterval interval = compare_medians(before, after);
  // The ratio of two medians of normal samples, each of 300 times with a deviation of 2 %.
  const double deviation = std::sqrt(2 * std::numbers::pi / 2 / 300) * 0.02;
  const double width = 2 * 2.576 * deviation;  // of 99 %
  CHECK(interval.high - interval.low > width);
  CHECK(interval.high - interval.low < 2 * width);  // it cannot know that rounds do not differ
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
