#include "apps/bench/comparison.h"

#include <algorithm>
#include <limits>
#include <random>

#include "apps/bench/statistics.h"

namespace nestor::bench {

namespace {

constexpr int kResamples = 2000;

// An index below `count`. Not std::uniform_int_distribution: libraries differ in theirs.
std::size_t draw(std::mt19937_64& random, std::size_t count) {
  return static_cast<std::size_t>(random() % count);
}

double resampled_median(const Rounds& rounds, std::mt19937_64& random) {
  std::vector<double> drawn;
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const std::vector<double>& round = rounds[draw(random, rounds.size())];
    for (std::size_t j = 0; j < round.size(); ++j)
      drawn.push_back(round[draw(random, round.size())]);
  }
  return drawn.empty() ? median_of(joined(rounds)) : median_of(std::move(drawn));
}

}  // namespace

std::vector<double> joined(const Rounds& rounds) {
  std::vector<double> all;
  for (const std::vector<double>& round : rounds) all.insert(all.end(), round.begin(), round.end());
  return all;
}

RatioInterval compare_medians(const Rounds& before, const Rounds& after, double confidence) {
  const std::vector<double> old_times = joined(before), new_times = joined(after);
  const double ratio = median_of(new_times) / median_of(old_times);
  if (std::min(old_times.size(), new_times.size()) < kFewestTimes) {
    return {ratio, 0, std::numeric_limits<double>::infinity()};
  }
  std::mt19937_64 random(1);
  std::vector<double> ratios;
  for (int i = 0; i < kResamples; ++i) {
    const double denominator = resampled_median(before, random);
    ratios.push_back(resampled_median(after, random) / denominator);
  }
  std::ranges::sort(ratios);
  const double tail = 50 * (1 - confidence);
  return {ratio, percentile(ratios, tail), percentile(ratios, 100 - tail)};
}

}  // namespace nestor::bench
