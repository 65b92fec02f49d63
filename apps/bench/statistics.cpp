#include "apps/bench/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/check.h"

namespace nestor::bench {

double percentile(std::span<const double> sorted, double percent) {
  CHECK(!sorted.empty() && percent >= 0 && percent <= 100, "percentile {} of {} values", percent,
        sorted.size());
  const double place = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return percentile(values, 50);
}

Statistics statistics_of(std::vector<double> values) {
  std::ranges::sort(values);
  const auto at = [&](double percent) { return percentile(values, percent); };
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
  return {.count = values.size(),
          .min = at(0),
          .mean = mean,
          .median = at(50),
          .p90 = at(90),
          .p95 = at(95),
          .p99 = at(99),
          .p999 = at(99.9),
          .max = at(100),
          .variation = mean > 0 ? deviation / mean : 0};
}

}  // namespace nestor::bench
