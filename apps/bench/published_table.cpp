#include "apps/bench/published_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/bench/markdown.h"
#include "apps/common/published.h"
#include "engine/session_internals.h"

namespace nestor::bench {

namespace {

bool is_described(const Cell& cell) { return cell.device.starts_with("cuda:sm_"); }

std::string setting_of(std::string_view device, std::string_view precision, int batch,
                       int threads) {
  std::string text = fmt::format("{} {}, batch {}", device, precision, batch);
  if (threads > 0) text += fmt::format(", {} thread{}", threads, threads == 1 ? "" : "s");
  return text;
}

TableColumn& column_of(PublishedTable& table, const std::string& setting, bool is_measured) {
  const auto found = std::ranges::find(table.columns, setting, &TableColumn::setting);
  if (found != table.columns.end()) return *found;
  return table.columns.emplace_back(TableColumn{setting, is_measured});
}

void add_measured(PublishedTable& table) {
  for (const Row& row : table.rows) {
    const RowKey& key = row.key;
    const std::string setting = setting_of(key.device, key.precision, key.batch, key.threads);
    TableTime& time = column_of(table, setting, true).times[key.network];
    time.ms = figures_of(row).ms_per_image;
    if (row.floor_ms) time.floor_ms = *row.floor_ms / key.batch;
  }
}

void add_estimate(PublishedTable& table, const Cell& cell, const WorkloadOptions& options,
                  Models& models) {
  const BenchModel& opened = models.open(cell);
  const Size size = size_of(cell, opened);
  Session session(opened.model, session_options({.device = cell.device,
                                                 .precision = cell.precision,
                                                 .deterministic = options.deterministic,
                                                 .tuning = options.tuning},
                                                *opened.model));
  const Plan& plan = SessionInternals::plan(
      session, TensorDesc{DType::kUInt8, {cell.batch, size.height, size.width, 3}});
  const std::string setting = setting_of(fmt::format("{} ({})", plan.gpu->device, cell.device),
                                         to_string(session.precision()), cell.batch, 0);
  column_of(table, setting, false).times[cell.network] = {plan.gpu->modelled_us * 1e-3 / cell.batch,
                                                          plan.gpu->floor_us * 1e-3 / cell.batch};
}

std::string milliseconds(double ms) { return fmt::format("{:.{}f}", ms, ms < 1 ? 3 : 2); }

}  // namespace

std::string TableColumn::head() const { return fmt::format("ms, {}: {}", setting, how()); }

PublishedTable run_table(const Grid& grid, const GridOptions& options, const Clocks& clocks,
                         const Report& report) {
  Grid networks = grid;
  networks.networks.clear();
  for (const PublishedRow& row : published_rows()) networks.networks.push_back(row.network);
  std::vector<Cell> real = cells_of(networks);
  const auto described = std::stable_partition(
      real.begin(), real.end(), [](const Cell& cell) { return !is_described(cell); });
  const std::vector<Cell> planned(described, real.end());
  real.erase(described, real.end());
  PublishedTable table;
  if (!real.empty()) table.rows = measure_grid(real, options, clocks, report);
  add_measured(table);
  std::exception_ptr first;
  for (const Cell& cell : planned) {
    Models models;  // one at a time: nothing runs
    try {
      add_estimate(table, cell, options.workload, models);
    } catch (const Error& error) {
      if (first == nullptr) first = std::current_exception();
      report(complaint(cell, error));
    }
  }
  if (table.columns.empty()) std::rethrow_exception(first);
  return table;
}

std::string to_markdown(const PublishedTable& table, const Environment& environment) {
  std::vector<std::vector<std::string>> cells = {
      {"network", "input", "top-1, % (published)",
       fmt::format("ms, {}: published", published_on())}};
  for (const TableColumn& column : table.columns) {
    cells[0].push_back(column.head());
    cells[0].push_back("floor, ms");
  }
  for (const PublishedRow& row : published_rows()) {
    auto& line = cells.emplace_back(
        std::vector<std::string>{row.name, fmt::format("{0}x{0}", row.size),
                                 fmt::format("{:.1f}", row.top1), milliseconds(row.ms)});
    for (const TableColumn& column : table.columns) {
      const auto found = column.times.find(row.network);
      const bool is_there = found != column.times.end();
      line.push_back(is_there ? milliseconds(found->second.ms) : "-");
      line.push_back(is_there && found->second.floor_ms ? milliseconds(*found->second.floor_ms)
                                                        : "-");
    }
  }
  return fmt::format(
      "{}\n{}\nmilliseconds per image; apps/common/published.json names the sources\n",
      environment_text(environment), markdown_table(without_empty_columns(std::move(cells))));
}

std::vector<Json> to_documents(const PublishedTable& table, const Environment& environment) {
  std::vector<Json> documents;
  for (const PublishedRow& row : published_rows()) {
    Json document = {{"network", row.network},
                     {"size", row.size},
                     {"top1", row.top1},
                     {"published_ms", row.ms},
                     {"published_on", published_on()},
                     {"source", row.source},
                     {"times", Json::object()}};
    for (const TableColumn& column : table.columns) {
      const auto found = column.times.find(row.network);
      if (found == column.times.end()) continue;
      const auto& [ms, floor_ms] = found->second;
      document["times"][column.setting] = {{"kind", column.is_measured ? "measured" : "estimated"},
                                           {"ms", ms},
                                           {"floor_ms", floor_ms ? Json(*floor_ms) : Json()}};
    }
    document["commit"] = environment.commit;
    document["date"] = environment.date;
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace nestor::bench
