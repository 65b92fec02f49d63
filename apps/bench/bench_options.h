#pragma once
// The command line of nestor-bench.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "apps/bench/grid.h"
#include "apps/bench/measure_grid.h"
#include "engine/plan/tuning.h"

namespace nestor::bench {

enum class ResultFormat { kMarkdown, kCsv, kJson, kJsonl };

struct BenchOptions {
  Grid grid;
  GridOptions measuring;
  std::string input = "noise";
  ResultFormat format = ResultFormat::kMarkdown;
  std::string output;   // a file; empty: standard output
  std::string compare;  // results of an earlier run
  std::string trace;    // a file
  bool profile = false, tune = false, list_devices = false, serve = false;
  TuneOptions tune_options;
  std::string svg, png;       // files of `table`
  std::string compare_after;  // results of a later run: of `compare`
};

// The options of both the grid and `table`: how it runs, how long, and where results go.
void add_running_options(CLI::App& app, BenchOptions& options);

// Those of the grid alone.
void add_grid_options(CLI::App& app, BenchOptions& options);

// Those of `table` alone.
void add_table_options(CLI::App& app, BenchOptions& options);

// Those of `compare`.
void add_compare_options(CLI::App& app, BenchOptions& options);

// Fills in what the options say together: photos, precisions by their own names.
void complete(BenchOptions& options);

}  // namespace nestor::bench
