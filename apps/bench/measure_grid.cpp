#include "apps/bench/measure_grid.h"

#include <fmt/format.h>

#include <exception>
#include <list>

#include "apps/bench/profile.h"
#include "nestor/error.h"

namespace nestor::bench {

namespace {

std::string description(const Cell& cell) {
  return fmt::format("{}, batch {}, {}{}", cell.weights.empty() ? cell.network : cell.weights,
                     cell.batch, cell.device, cell.precision.empty() ? "" : ", " + cell.precision);
}

std::list<Workload> make_ready(const std::vector<Cell>& cells, const WorkloadOptions& options,
                               Models& models, const Report& report) {
  std::list<Workload> ready;  // no vector: streams keep pointers
  std::exception_ptr first;
  for (const Cell& cell : cells) {
    try {
      ready.emplace_back(cell, options, models.open(cell));
    } catch (const Error& error) {
      if (first == nullptr) first = std::current_exception();
      if (cells.size() > 1) report(fmt::format("{}: {}", description(cell), error.what()));
    }
  }
  if (ready.empty()) std::rethrow_exception(first);
  return ready;
}

}  // namespace

std::vector<Row> measure_grid(const std::vector<Cell>& cells, const GridOptions& options,
                              const Clocks& clocks, const Report& report) {
  Models models;
  std::list<Workload> workloads = make_ready(cells, options.workload, models, report);
  std::vector<Streams> streams;
  for (Workload& workload : workloads) streams.push_back(workload.streams());
  std::vector<Samples> samples = measure(streams, options.schedule, clocks);
  std::vector<Row> rows;
  for (Workload& workload : workloads) {
    Row& row = rows.emplace_back(workload.row());
    row.samples = std::move(samples[rows.size() - 1]);
    if (options.profile_runs > 0) row.steps = time_steps(workload, options.profile_runs);
  }
  return rows;
}

}  // namespace nestor::bench
