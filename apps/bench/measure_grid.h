#pragma once
// From the cells of a grid to its rows.

#include <functional>
#include <string>
#include <vector>

#include "apps/bench/row.h"
#include "apps/bench/workload.h"
#include "nestor/error.h"

namespace nestor::bench {

struct GridOptions {
  Schedule schedule;
  WorkloadOptions workload;
  int profile_runs = 0;  // of each step; 0: steps are not timed
};

// Called with what is to be said of each cell that cannot run, in a line.
using Report = std::function<void(const std::string& message)>;

// The cell and what is wrong with it; a long list of nodes is cut.
std::string complaint(const Cell& cell, const Error& error);

// Makes all cells ready, which stay in memory, and measures them in turns. A cell that cannot run
// (fp16 on a CPU, ...) is reported and left out; throws its error if none is left.
std::vector<Row> measure_grid(const std::vector<Cell>& cells, const GridOptions& options,
                              const Clocks& clocks, const Report& report);

}  // namespace nestor::bench
