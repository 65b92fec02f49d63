#include "apps/bench/compared_rows.h"

#include <algorithm>
#include <cmath>

namespace nestor::bench {

std::vector<ComparedRow> compare(const std::vector<TimedRow>& before,
                                 const std::vector<TimedRow>& after) {
  std::vector<ComparedRow> compared;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const TimedRow& row = after[i];
    const auto old = std::ranges::find(before, row.key, &TimedRow::key);
    if (old == before.end()) continue;
    compared.push_back({.idx = i,
                        .key = row.key,
                        .before_ms = median_of(joined(old->latency_rounds)),
                        .after_ms = median_of(joined(row.latency_rounds)),
                        .interval = compare_medians(old->latency_rounds, row.latency_rounds)});
  }
  return compared;
}

std::string_view verdict(const RatioInterval& interval) {
  if (std::isinf(interval.high)) return kTooFewTimes;
  if (interval.is_slower()) return "slower";
  return interval.is_faster() ? "faster" : "no difference";
}

bool any_slower(const std::vector<ComparedRow>& rows) {
  return std::ranges::any_of(rows, [](const ComparedRow& row) { return row.interval.is_slower(); });
}

Json to_json(const ComparedRow& row) {
  Json json = {{"before_ms", row.before_ms}, {"ratio", row.interval.ratio}};
  if (verdict(row.interval) != kTooFewTimes) {
    json["low"] = row.interval.low;
    json["high"] = row.interval.high;
  }
  json["verdict"] = verdict(row.interval);
  return json;
}

}  // namespace nestor::bench
