#pragma once
// The rows that two runs have in common.

#include <cstddef>
#include <string_view>
#include <vector>

#include "apps/bench/comparison.h"
#include "apps/bench/results.h"

namespace nestor::bench {

struct ComparedRow {
  std::size_t idx = 0;  // among those of the later run
  RowKey key;
  double before_ms = 0, after_ms = 0;  // medians
  RatioInterval interval;
};

// Each row of `after` that `before` has too.
std::vector<ComparedRow> compare(const std::vector<TimedRow>& before,
                                 const std::vector<TimedRow>& after);

inline constexpr std::string_view kTooFewTimes = "too few times";

// "slower", "faster", "no difference", or kTooFewTimes.
std::string_view verdict(const RatioInterval& interval);

bool any_slower(const std::vector<ComparedRow>& rows);

// {"before_ms": ..., "ratio": ..., "low": ..., "high": ..., "verdict": ...}
Json to_json(const ComparedRow& row);

}  // namespace nestor::bench
