#include "tests/golden/tolerances.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nestor::golden {

const Tolerance& tolerance_of(Precision precision) {
  static constexpr Tolerance kTolerances[] = {
      {Precision::kFp32, 1e-4, 3e-5, 5e-4, 2e-5, 5e-5},
      {Precision::kFp16, 0.04, 0.02, 0.4, 0.01, 0.01},
      {Precision::kBf16, 0.3, 0.15, 2.5, 0.08, 0.1},
  };
  return *std::ranges::find(kTolerances, precision, &Tolerance::precision);
}

double deviation(std::span<const float> values) {
  double sum = 0, squares = 0;
  for (const float x : values) sum += x;
  const double mean = sum / static_cast<double>(values.size());
  for (const float x : values) squares += (x - mean) * (x - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

double worst(std::span<const float> got, std::span<const float> want, double scale) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(double{got[i]} - want[i]) / scale;
    largest = error <= largest ? largest : std::isfinite(error) ? error : HUGE_VAL;
  }
  return largest;
}

double root_mean_square(std::span<const float> got, std::span<const float> want, double scale) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double squares = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    squares += (double{got[i]} - want[i]) * (double{got[i]} - want[i]);
  }
  return std::sqrt(squares / static_cast<double>(got.size())) / scale;
}

}  // namespace nestor::golden
