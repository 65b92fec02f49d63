#pragma once
// Whether one run is slower than another, or only looks so.

#include <cstddef>
#include <vector>

namespace nestor::bench {

// Times by the round in which they were taken.
using Rounds = std::vector<std::vector<double>>;

// All times, in their order.
std::vector<double> joined(const Rounds& rounds);

// New median over old median, and where it lies with that confidence.
struct RatioInterval {
  double ratio = 1, low = 1, high = 1;  // 0 and infinity: too few times to tell

  bool is_slower() const { return low > 1; }
  bool is_faster() const { return high < 1; }
};

inline constexpr double kConfidence = 0.99;
inline constexpr std::size_t kFewestTimes = 10;  // of each, for an interval

// By the bootstrap: the ratio of medians of samples that are drawn anew, with replacement, first
// the rounds and then the times in each. Times of one round resemble one another more than those of
// two, as clocks and other programs change slowly: drawing rounds keeps that in the interval. The
// same samples give the same interval.
RatioInterval compare_medians(const Rounds& before, const Rounds& after,
                              double confidence = kConfidence);

}  // namespace nestor::bench
