#pragma once
// A clock that stands still but for the runs, whose times are drawn from a known distribution.

#include <random>

#include "apps/bench/schedule.h"

namespace nestor::bench::test {

class SyntheticClock {
 public:
  explicit SyntheticClock(unsigned seed) : random_(seed) {}

  Clocks clocks() {
    return {.now_ms = [this] { return now_ms_; },
            .processors =
                [this] {
                  return ProcessorTimes{processors_ * now_ms_ * 1e-3, 0};
                }};
  }

  // Times are normal, `slower` times 10 ms with a deviation of 2 %, and the clock is 3 % slower or
  // faster in each tenth of a second.
  Run run(double slower = 1) {
    return [this, slower] {
      const auto tenth = static_cast<unsigned>(now_ms_ / 100);
      const double drift = 1 + 0.03 * (2.0 * std::mt19937(tenth)() / std::mt19937::max() - 1);
      const double ms = 10 * slower * drift * std::normal_distribution<double>(1, 0.02)(random_);
      now_ms_ += ms;
      return RunTimes{.compute_ms = ms, .total_ms = ms};
    };
  }

  // Times have a long tail: 10 ms and what is exponential with a mean of 1 ms. No drift.
  Run long_tailed_run() {
    return [this] {
      const double ms = 10 + std::exponential_distribution<double>(1)(random_);
      now_ms_ += ms;
      return RunTimes{.compute_ms = ms, .total_ms = ms};
    };
  }

  // Cores that all programs of the machine use.
  void keep_busy(double cores) { processors_ = cores; }

 private:
  std::mt19937_64 random_;
  double now_ms_ = 0;
  double processors_ = 0;
};

}  // namespace nestor::bench::test
