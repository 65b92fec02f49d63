#include "apps/bench/schedule.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <stdexcept>

#include "apps/bench/statistics.h"
#include "tests/apps/bench/synthetic_clock.h"

namespace nestor::bench {

namespace {

constexpr Schedule kSchedule{.warm_up_ms = 100, .duration_ms = 3000, .iterations = 10, .rounds = 6};

}  // namespace

TEST_CASE("schedule: a clock of known distribution gives its percentiles", "[bench]") {
  test::SyntheticClock clock(1);
  const Run steady = [&, times = clock.run()] { return times(); };
  const auto samples = measure({{steady}}, {.duration_ms = 200'000, .rounds = 10}, clock.clocks());
  REQUIRE(samples[0].num_runs() > 19'000);
  const Statistics s = statistics_of(joined(times_of(samples[0], &RunTimes::total_ms)));
  // Normal with a deviation of 0.2 ms beside a uniform drift of 0.3 ms to either side.
  const double deviation = std::sqrt(0.2 * 0.2 + 0.3 * 0.3 / 3);
  CHECK(s.mean == Approx(10).epsilon(0.003));
  CHECK(s.median == Approx(10).epsilon(0.003));
  CHECK(s.variation == Approx(deviation / 10).epsilon(0.05));
  CHECK(s.p90 == Approx(10 + 1.3 * deviation).epsilon(0.003));
}

TEST_CASE("schedule: a tail of known length gives its percentiles", "[bench]") {
  test::SyntheticClock clock(2);
  const auto samples = measure({{clock.long_tailed_run()}},
                               {.duration_ms = 2'200'000, .rounds = 10}, clock.clocks());
  const auto runs = static_cast<double>(samples[0].num_runs());
  REQUIRE(runs > 190'000);
  const Statistics s = statistics_of(joined(times_of(samples[0], &RunTimes::total_ms)));
  const auto check = [&](double percentile, double share) {
    CAPTURE(share);
    const double deviation = std::sqrt(share / ((1 - share) * runs));  // of the sample's percentile
    CHECK(percentile == Approx(10 - std::log(1 - share)).margin(4 * deviation).epsilon(0));
  };
  check(s.median, 0.5);
  check(s.p90, 0.9);
  check(s.p95, 0.95);
  check(s.p99, 0.99);
  check(s.p999, 0.999);
  CHECK(s.mean == Approx(11).epsilon(0.001));
  CHECK(s.variation == Approx(1.0 / 11).epsilon(0.02));
}

TEST_CASE("schedule: rows take turns, after all have warmed up", "[bench]") {
  test::SyntheticClock clock(1);
  std::string order;
  const auto row = [&](char name) {
    return Streams{[&, name, run = clock.run()] {
      if (order.empty() || order.back() != name) order += name;
      return run();
    }};
  };
  const auto samples = measure({row('a'), row('b'), row('c')}, kSchedule, clock.clocks());
  CHECK(order == "abcabcabcabcabcabcabc");
  for (const Samples& some : samples) {
    CHECK(some.rounds.size() == 6);
    CHECK(some.measured_ms == Approx(3000).epsilon(0.05));
    CHECK(some.num_runs() == Approx(300).epsilon(0.05));
  }
}

TEST_CASE("schedule: a slow row still runs as often as it must", "[bench]") {
  test::SyntheticClock clock(1);
  const auto samples =
      measure({{clock.run(1000)}},
              {.warm_up_ms = 0, .duration_ms = 0, .iterations = 8, .rounds = 3}, clock.clocks());
  CHECK(samples[0].num_runs() == 9);  // 8 over 3 rounds, rounded up
}

TEST_CASE("schedule: the cores of other programs are counted", "[bench]") {
  test::SyntheticClock clock(1);
  clock.keep_busy(1.5);
  CHECK(measure({{clock.run()}}, kSchedule, clock.clocks())[0].others_cores == Approx(1.5));
}

TEST_CASE("schedule: streams run in threads, and one's failure ends the run", "[bench]") {
  const Clocks clocks{.now_ms = [] { return 0.0; }, .processors = [] { return ProcessorTimes{}; }};
  const Run fine = [] { return RunTimes{.total_ms = 1}; };
  const Schedule once{.warm_up_ms = 0, .duration_ms = 0, .iterations = 4, .rounds = 2};
  CHECK(measure({{fine, fine, fine}}, once, clocks)[0].num_runs() == 12);
  const Run bad = []() -> RunTimes { throw std::runtime_error("lost"); };
  CHECK_THROWS_WITH(measure({{fine, bad}}, once, clocks), "lost");
}

}  // namespace nestor::bench
