#pragma once
// Figures of a sample of times.

#include <cstddef>
#include <span>
#include <vector>

namespace nestor::bench {

struct Statistics {
  std::size_t count = 0;
  double min = 0, mean = 0, median = 0, p90 = 0, p95 = 0, p99 = 0, p999 = 0, max = 0;
  double variation = 0;  // standard deviation over mean
};

// Of at least one value.
Statistics statistics_of(std::vector<double> values);

// `percent` in [0, 100]: between the two nearest values of a sorted sample, in proportion.
double percentile(std::span<const double> sorted, double percent);

double median_of(std::vector<double> values);

}  // namespace nestor::bench
