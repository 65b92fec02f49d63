#include "apps/bench/measure_grid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <list>
#include <set>

#include "apps/bench/profile.h"
#include "engine/check.h"

namespace nestor::bench {

namespace {

constexpr std::size_t kMostText = 240;  // of an error

std::list<Workload> make_ready(const std::vector<Cell>& cells, const WorkloadOptions& options,
                               Models& models, const Report& report) {
  std::list<Workload> ready;  // no vector: streams keep pointers
  std::exception_ptr first;
  for (const Cell& cell : cells) {
    try {
      ready.emplace_back(cell, options, models.open(cell));
    } catch (const Error& error) {
      if (first == nullptr) first = std::current_exception();
      if (cells.size() > 1) report(complaint(cell, error));
    }
  }
  if (ready.empty()) std::rethrow_exception(first);
  return ready;
}

// Refuses variants to leave out that no plan has: a misspelt name would compare a plan with itself.
void require_used(std::list<Workload>& workloads, const std::vector<Cell>& cells) {
  const std::vector<std::string>& without = cells.back().without;
  if (without.empty()) return;
  std::set<std::string> used;
  for (Workload& workload : workloads) {
    for (const Step& step : workload.plan().steps) used.insert(step.variant);
  }
  const bool any = std::ranges::any_of(
      without, [&](const std::string& variant) { return used.contains(variant); });
  CHECK_AS(kUsage, any, "no plan has a step of {}; there are {}", fmt::join(without, " or "),
           fmt::join(used, ", "));
}

}  // namespace

std::string complaint(const Cell& cell, const Error& error) {
  const std::string_view text = error.what();
  return fmt::format("{}, batch {}, {}{}: {}{}", cell.weights.empty() ? cell.network : cell.weights,
                     cell.batch, cell.device, cell.precision.empty() ? "" : ", " + cell.precision,
                     text.substr(0, kMostText), text.size() > kMostText ? " ..." : "");
}

std::vector<Row> measure_grid(const std::vector<Cell>& cells, const GridOptions& options,
                              const Clocks& clocks, const Report& report) {
  Models models;
  std::list<Workload> workloads = make_ready(cells, options.workload, models, report);
  require_used(workloads, cells);
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
