#include "apps/bench/markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace nestor::bench {

namespace {

struct ReportedRow {
  const Row& row;
  Figures figures;
};

struct Column {
  std::string head;
  std::function<std::string(const ReportedRow&)> text;
};

std::string number(double value) {
  return value >= 100 ? fmt::format("{:.1f}", value)
                      : fmt::format("{:.{}f}", value, value >= 10 ? 2 : 3);
}

std::string megabytes(std::size_t bytes) {
  return fmt::format("{:.0f}", static_cast<double>(bytes) * 1e-6);
}

std::string share(const std::optional<double>& value) {
  return value ? fmt::format("{:.0f} %", 100 * *value) : "-";
}

Column latency(const char* head, double Statistics::*member) {
  return {head, [member](const ReportedRow& r) { return number(r.figures.latency.*member); }};
}

Column part(const char* head, Statistics Figures::*member) {
  return {head, [member](const ReportedRow& r) { return number((r.figures.*member).median); }};
}

// The columns that tell rows from one another.
std::vector<Column> key_columns() {
  const auto of = [](auto text) {
    return [text](const ReportedRow& r) { return text(r.row.key); };
  };
  return {
      {"network", of([](const RowKey& k) { return k.network; })},
      {"weights", of([](const RowKey& k) { return k.weights.empty() ? "made up" : k.weights; })},
      {"input", of([](const RowKey& k) { return fmt::format("{}x{}", k.height, k.width); })},
      {"batch", of([](const RowKey& k) { return std::to_string(k.batch); })},
      {"precision", of([](const RowKey& k) { return k.precision; })},
      {"device", of([](const RowKey& k) { return k.device; })},
      {"threads", of([](const RowKey& k) { return k.threads ? std::to_string(k.threads) : "-"; })},
      {"without", of([](const RowKey& k) {
         return std::accumulate(
             k.without.begin(), k.without.end(), std::string(),
             [](std::string a, const std::string& b) { return a.empty() ? b : a + " " + b; });
       })},
  };
}

std::vector<Column> figure_columns(bool any_gpu) {
  std::vector<Column> columns = {
      {"images/s", [](const ReportedRow& r) { return number(r.figures.throughput); }},
      {"ms/image", [](const ReportedRow& r) { return number(r.figures.ms_per_image); }},
      latency("min", &Statistics::min),
      latency("mean", &Statistics::mean),
      latency("median", &Statistics::median),
      latency("p90", &Statistics::p90),
      latency("p95", &Statistics::p95),
      latency("p99", &Statistics::p99),
      latency("p99.9", &Statistics::p999),
      latency("max", &Statistics::max),
      {"CV", [](const ReportedRow& r) {
         return fmt::format("{:.1f} %", 100 * r.figures.latency.variation);
       }}};
  if (any_gpu) {
    for (Column& column : std::vector<Column>{
             part("H2D", &Figures::upload),
             part("compute", &Figures::compute),
             part("D2H", &Figures::download),
             part("enqueue", &Figures::enqueue),
             {"of floor", [](const ReportedRow& r) { return share(r.figures.floor_share); }}}) {
      columns.push_back(std::move(column));
    }
  }
  columns.push_back({"MB", [](const ReportedRow& r) {
                       return megabytes(r.row.arena_bytes + r.row.weight_bytes);
                     }});
  return columns;
}

bool differs(const Column& column, const std::vector<ReportedRow>& rows) {
  return std::ranges::any_of(
      rows, [&](const ReportedRow& row) { return column.text(row) != column.text(rows.front()); });
}

// The columns that all rows agree in, without those that say nothing.
std::string shared_text(const std::vector<Column>& columns, const ReportedRow& row) {
  std::string text;
  for (const Column& column : columns) {
    const std::string value = column.text(row);
    if (value.empty() || value == "-") continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", column.head, value);
  }
  return text;
}

std::string warnings_text(const std::vector<ReportedRow>& rows) {
  std::string text;
  for (const ReportedRow& r : rows) {
    for (const std::string& warning : warnings_of(r.row, r.figures)) {
      text += fmt::format("warning: {}: {}\n", to_string(r.row.key), warning);
    }
  }
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string environment_text(const Environment& environment) {
  std::string text;
  for (const auto& [device, description] : environment.devices) {
    text += fmt::format("{}: {}{}\n", device, description.name,
                        description.driver.empty() ? "" : ", driver " + description.driver);
  }
  return text + fmt::format("nestor {} ({}), {}, oneDNN {}, {}\n", environment.version,
                            environment.commit, environment.compiler, environment.onednn,
                            environment.date);
}

std::vector<std::vector<std::string>> without_empty_columns(
    std::vector<std::vector<std::string>> cells) {
  for (std::size_t i = cells[0].size(); i-- > 0;) {
    const auto lines = std::span(cells).subspan(1);
    if (!std::ranges::all_of(lines, [&](const auto& line) { return line[i] == "-"; })) continue;
    for (auto& line : cells) line.erase(line.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return cells;
}

std::string markdown_table(const std::vector<std::vector<std::string>>& cells) {
  std::vector<std::size_t> widths(cells.front().size(), 3);
  for (const auto& row : cells) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t line = 0; line < cells.size(); ++line) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += i == 0 ? fmt::format("| {:<{}} |", cells[line][i], widths[i])
                     : fmt::format(" {:>{}} |", cells[line][i], widths[i]);
    }
    text += "\n";
    if (line > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text +=
          (i == 0 ? "|" + std::string(widths[i] + 2, '-') : std::string(widths[i] + 1, '-') + ":") +
          "|";
    }
    text += "\n";
  }
  return text;
}

std::string report(std::span<const Row> rows, const Environment& environment) {
  std::vector<ReportedRow> reported;
  for (const Row& row : rows) reported.push_back({row, figures_of(row)});
  std::vector<Column> shared, shown;
  for (Column& column : key_columns()) {
    const bool is_shown = column.head == "network" || differs(column, reported);
    (is_shown ? shown : shared).push_back(std::move(column));
  }
  const bool any_gpu =
      std::ranges::any_of(rows, [](const Row& row) { return row.key.threads == 0; });
  for (Column& column : figure_columns(any_gpu)) shown.push_back(std::move(column));

  std::vector<std::vector<std::string>> cells(1);
  for (const Column& column : shown) cells[0].push_back(column.head);
  std::size_t process_bytes = 0;
  for (const ReportedRow& row : reported) {
    auto& line = cells.emplace_back();
    for (const Column& column : shown) line.push_back(column.text(row));
    process_bytes = std::max(process_bytes, row.row.process_bytes);
  }
  return fmt::format(
      "{}{}\n\n{}\nmilliseconds a run, but ms/image; MB: activations and weights; the process had "
      "{} MB\n{}",
      environment_text(environment), shared_text(shared, reported.front()), markdown_table(cells),
      megabytes(process_bytes), warnings_text(reported));
}

std::string profile_table(const Row& row) {
  double total = 0, floors = 0;
  for (const StepTime& step : row.steps) total += step.ms, floors += step.floor_ms.value_or(0);
  // 0: unknown.
  const auto floor_text = [](double ms) { return ms > 0 ? fmt::format("{:.4f}", ms) : "-"; };
  const auto floor_share = [](double floor, double ms) {
    return floor > 0 && ms > 0 ? fmt::format("{:.0f} %", 100 * floor / ms) : "-";
  };
  std::vector<std::vector<std::string>> cells = {
      {"step", "ms", "%", "floor ms", "of floor", "GFLOP/s", "GB/s", "variant"}};
  for (const StepTime& timed : row.steps) {
    cells.push_back(
        {timed.step.name, fmt::format("{:.4f}", timed.ms),
         fmt::format("{:.1f}", 100 * timed.ms / total), floor_text(timed.floor_ms.value_or(0)),
         floor_share(timed.floor_ms.value_or(0), timed.ms),
         fmt::format("{:.0f}", 2e-6 * static_cast<double>(timed.step.multiply_adds) / timed.ms),
         fmt::format("{:.1f}", 1e-6 * static_cast<double>(timed.step.bytes) / timed.ms),
         timed.step.variant});
  }
  cells.push_back({"all steps", fmt::format("{:.4f}", total), "100.0", floor_text(floors),
                   floor_share(floors, total), "", "", ""});
  return fmt::format("\n{}: steps, one by one\n\n{}", to_string(row.key), markdown_table(cells));
}

std::string comparison_table(const std::vector<ComparedRow>& rows) {
  std::vector<std::vector<std::string>> cells = {
      {"row", "before, ms", "after, ms", "ratio",
       fmt::format("{:.0f} % interval", 100 * kConfidence), "verdict"}};
  for (const ComparedRow& row : rows) {
    const bool known = verdict(row.interval) != kTooFewTimes;
    cells.push_back(
        {to_string(row.key), number(row.before_ms), number(row.after_ms),
         fmt::format("{:.3f}", row.interval.ratio),
         known ? fmt::format("{:.3f} to {:.3f}", row.interval.low, row.interval.high) : "-",
         std::string(verdict(row.interval))});
  }
  return "\n" + markdown_table(cells);
}

}  // namespace nestor::bench
