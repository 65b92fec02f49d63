#pragma once
// Rows as data: JSON, JSON lines and CSV, and back for comparisons.

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/bench/machine_state.h"
#include "apps/bench/row.h"

namespace nestor::bench {

using Json = nlohmann::ordered_json;

// What all rows of a run were measured with.
struct Environment {
  std::string version, commit, compiler, onednn, date;
  std::map<std::string, DeviceDescription, std::less<>> devices;  // by the rows' names
};

// Of this build, now, and of the devices of these rows.
Environment environment_of(std::span<const Row> rows);

// {"network": ..., "latency_ms": {"median": ...}, "samples_ms": [[...], ...], "commit": ..., ...}
Json to_json(const Row& row, const Environment& environment);

// {"network": ..., "batch": ..., ...}
Json to_json(const RowKey& key);

// {"format": "nestor-bench", "version": 1, "rows": [...]}
std::string json_document(const std::vector<Json>& rows);

// One row, and a line break.
std::string json_line(const Json& row);

// One row a line; a number in a nested object is a column "latency_ms.median". What is a list is
// left out.
std::string csv_table(const std::vector<Json>& rows);

// Of a row, what comparisons need.
struct TimedRow {
  RowKey key;
  Rounds latency_rounds;
};

TimedRow timed_row(const Row& row);

inline constexpr std::size_t kMaxResultsBytes = std::size_t{256} << 20;

// Rows of a JSON document or of JSON lines. Throws kBadInput, naming `file`, for anything else.
std::vector<TimedRow> parse_results(std::string_view text, const std::string& file);
std::vector<TimedRow> read_results(const std::string& file);

}  // namespace nestor::bench
