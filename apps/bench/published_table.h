#pragma once
// The table that ResNeSt was published with, and the same networks on other devices.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/bench/figure.h"
#include "apps/bench/measure_grid.h"
#include "apps/bench/results.h"

namespace nestor::bench {

struct TableTime {
  double ms = 0;                   // per image
  std::optional<double> floor_ms;  // per image
};

// All networks on one device.
struct TableColumn {
  std::string setting;      // "cuda:0 fp16, batch 16"
  bool is_measured = true;  // else the planner's estimate, of a device that is only described
  std::map<std::string, TableTime, std::less<>> times = {};  // by network

  const char* how() const { return is_measured ? "measured" : "ESTIMATED, not measured"; }
  // "ms, cuda:0 fp16, batch 16: measured"
  std::string head() const;
};

struct PublishedTable {
  std::vector<TableColumn> columns;
  std::vector<Row> rows;  // of what was measured
};

// Runs every network of the published table with the lists of the grid; on devices that are only
// described ("cuda:sm_70") it plans. What cannot run is reported and left out; throws its error if
// nothing can.
PublishedTable run_table(const Grid& grid, const GridOptions& options, const Clocks& clocks,
                         const Report& report);

std::string to_markdown(const PublishedTable& table, const Environment& environment);

// One document a network: what was published, and "times" by setting.
std::vector<Json> to_documents(const PublishedTable& table, const Environment& environment);

// Accuracy over latency: the published curves, and those of each column.
std::vector<Curve> curves_of(const PublishedTable& table);

}  // namespace nestor::bench
