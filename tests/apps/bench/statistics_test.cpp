#include "apps/bench/statistics.h"

#include <catch2/catch.hpp>
#include <numeric>

namespace nestor::bench {

TEST_CASE("statistics: percentiles lie between the nearest values", "[bench]") {
  std::vector<double> values(1001);
  std::iota(values.begin(), values.end(), 0.0);
  std::swap(values[3], values[900]);  // the order is of no matter
  const Statistics s = statistics_of(values);
  CHECK(s.count == 1001);
  CHECK(s.min == 0);
  CHECK(s.max == 1000);
  CHECK(s.mean == Approx(500));
  CHECK(s.median == Approx(500));
  CHECK(s.p90 == Approx(900));
  CHECK(s.p95 == Approx(950));
  CHECK(s.p99 == Approx(990));
  CHECK(s.p999 == Approx(999));
  CHECK(percentile(std::vector{10.0, 20.0}, 25) == Approx(12.5));
  CHECK(median_of({4, 1, 3, 2}) == Approx(2.5));
}

TEST_CASE("statistics: the variation is the sample's deviation over its mean", "[bench]") {
  CHECK(statistics_of({2, 4, 4, 4, 5, 5, 7, 9}).variation == Approx(2.1380899 / 5));
  CHECK(statistics_of({3}).variation == 0);
  CHECK(statistics_of({3, 3}).variation == 0);
  CHECK_THROWS(statistics_of({}));
}

}  // namespace nestor::bench
