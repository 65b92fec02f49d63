// nestor-bench: how long networks take, and why.

#include <fmt/format.h>

#include <iostream>

#include "apps/bench/bench_options.h"
#include "apps/bench/compared_rows.h"
#include "apps/bench/markdown.h"
#include "apps/bench/profile.h"
#include "apps/bench/published_table.h"
#include "apps/bench/results.h"
#include "apps/bench/serve.h"
#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "apps/common/environment.h"
#include "apps/common/messages.h"
#include "apps/common/text_output.h"
#include "apps/common/tuning.h"
#include "apps/drawing/png.h"
#include "engine/check.h"
#include "nestor/device.h"

namespace {

using namespace nestor;
using namespace nestor::bench;

constexpr const char* kName = "nestor-bench";
constexpr int kSlower = 1;
constexpr int kSomeCellsFailed = 6;
constexpr int kProfileRuns = 15;

int list_all_devices() {
  const DeviceList list = nestor::list_devices();
  std::vector<std::vector<std::string>> cells = {
      {"device", "name", "architecture", "memory, GB", "note"}};
  for (const DeviceInfo& device : list.devices) {
    cells.push_back({device.name, device.description, device.architecture,
                     fmt::format("{:.1f}", static_cast<double>(device.memory_bytes) * 1e-9),
                     device.why_unusable});
  }
  TextOutput output("");
  output.write_printable(markdown_table(cells));
  if (!list.why_no_gpu.empty()) output.write_printable("no GPU: " + list.why_no_gpu + "\n");
  output.finish();
  return 0;
}

// Tunes for each cell on a GPU; later sessions find the choices in the file.
void tune_cells(const BenchOptions& options, const std::vector<Cell>& cells) {
  Models models;
  for (const Cell& cell : cells) {
    const BenchModel& opened = models.open(cell);
    const Size size = size_of(cell, opened);
    const Tuned tuned =
        tune_and_keep(opened.model,
                      {.device = cell.device,
                       .precision = cell.precision,
                       .tuning = options.measuring.workload.tuning},
                      {cell.batch, 3, size.height, size.width}, options.tune_options);
    print_message(kName, tuning_text(tuned));
  }
}

// Documents in one of the formats for programs.
std::string documents_text(ResultFormat format, const std::vector<Json>& documents) {
  if (format == ResultFormat::kCsv) return csv_table(documents);
  if (format == ResultFormat::kJson) return json_document(documents);
  std::string lines;
  for (const Json& document : documents) lines += json_line(document);
  return lines;
}

void write_results(const BenchOptions& options, const std::string& text) {
  TextOutput output(options.output);
  options.format == ResultFormat::kMarkdown ? output.write_printable(text) : output.write(text);
  output.finish();
}

void write_file(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  TextOutput output(path);
  output.write(text);
  output.finish();
}

std::string results_text(const BenchOptions& options, std::span<const Row> rows,
                         const std::vector<ComparedRow>& compared) {
  const Environment environment = environment_of(rows);
  if (options.format == ResultFormat::kMarkdown) {
    std::string text = report(rows, environment);
    if (options.profile) {
      for (const Row& row : rows) text += profile_table(row);
    }
    if (!options.compare.empty()) text += comparison_table(compared);
    return text;
  }
  std::vector<Json> documents;
  for (const Row& row : rows) documents.push_back(to_json(row, environment));
  for (const ComparedRow& row : compared) {
    documents[row.idx]["comparison"] = to_json(row);
  }
  return documents_text(options.format, documents);
}

std::vector<ComparedRow> compare_with_earlier(const std::string& file,
                                              const std::vector<TimedRow>& earlier,
                                              const std::vector<TimedRow>& now) {
  std::vector<ComparedRow> compared = compare(earlier, now);
  CHECK_AS(kBadInput, !compared.empty(), "{}: none of its {} rows was measured now", file,
           earlier.size());
  return compared;
}

int measure_and_report(const BenchOptions& options) {
  const std::vector<Cell> cells = cells_of(options.grid);
  std::vector<TimedRow> earlier;  // refused before minutes pass
  if (!options.compare.empty()) earlier = read_results(options.compare);
  if (options.tune) tune_cells(options, cells);
  bool some_failed = false;
  const auto complain = [&](const std::string& message) {
    some_failed = true;
    print_message(kName, message);
  };
  GridOptions measuring = options.measuring;
  if (options.profile || !options.trace.empty()) measuring.profile_runs = kProfileRuns;
  const std::vector<Row> rows = measure_grid(cells, measuring, system_clocks(), complain);

  std::vector<ComparedRow> compared;
  if (!options.compare.empty()) {
    std::vector<TimedRow> now;
    for (const Row& row : rows) now.push_back(timed_row(row));
    compared = compare_with_earlier(options.compare, earlier, now);
  }
  write_results(options, results_text(options, rows, compared));
  if (!options.trace.empty()) write_file(options.trace, trace_document(rows));
  if (any_slower(compared)) return kSlower;
  return some_failed ? kSomeCellsFailed : 0;
}

int compare_files(const BenchOptions& options) {
  const std::string files[] = {options.compare, options.compare_after};
  require_distinct("--output", options.output, files);
  const std::vector<ComparedRow> compared = compare_with_earlier(
      options.compare, read_results(options.compare), read_results(options.compare_after));
  std::vector<Json> documents;
  for (const ComparedRow& row : compared) {
    documents.push_back(to_json(row.key));
    documents.back()["comparison"] = to_json(row);
  }
  write_results(options, options.format == ResultFormat::kMarkdown
                             ? comparison_table(compared)
                             : documents_text(options.format, documents));
  return any_slower(compared) ? kSlower : 0;
}

int serve_commands(const BenchOptions& options) {
  const std::vector<Cell> cells = cells_of(options.grid);
  CHECK_AS(kUsage, cells.size() == 1, "--serve runs one row, these are {}", cells.size());
  Models models;
  Workload workload(cells[0], options.measuring.workload, models.open(cells[0]));
  serve(workload, std::cin);
  return 0;
}

int bench_grid(BenchOptions& options) {
  if (options.list_devices) return list_all_devices();
  complete(options);
  require_distinct("--output", options.output, options.grid.weights);
  require_distinct("--trace", options.trace, options.grid.weights);
  const std::string results[] = {options.output, options.compare};
  require_distinct("--trace", options.trace, results);
  return options.serve ? serve_commands(options) : measure_and_report(options);
}

int bench_table(BenchOptions& options) {
  complete(options);
  const std::string files[] = {options.output, options.svg, options.png};
  require_distinct("--output", options.output, std::span(files).subspan(1));
  require_distinct("--svg", options.svg, std::span(files).subspan(2));
  bool some_failed = false;
  const PublishedTable table =
      run_table(options.grid, options.measuring, system_clocks(), [&](const std::string& message) {
        some_failed = true;
        print_message(kName, message);
      });
  const Environment environment = environment_of(table.rows);
  write_results(options, options.format == ResultFormat::kMarkdown
                             ? to_markdown(table, environment)
                             : documents_text(options.format, to_documents(table, environment)));
  const Figure figure = draw_curves(curves_of(table));
  write_file(options.svg, to_svg(figure));
  if (!options.png.empty()) write_png(options.png, to_image(figure, /*scale=*/2));
  return some_failed ? kSomeCellsFailed : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Measure how long networks take, on which device, in which precision, and why.\n\n"
      "  nestor-bench --network resnest50,resnest101 --batch-size 1,16\n"
      "  nestor-bench --weights resnest50.safetensors --device cuda,cpu\n"
      "  nestor-bench --network resnest50 -o json --output before.json\n"
      "  nestor-bench --network resnest50 --compare before.json\n"
      "  nestor-bench compare before.json after.json\n"
      "  nestor-bench --network resnest50 --profile --trace steps.json\n"
      "  nestor-bench table --device cuda --svg figure.svg",
      kName);
  BenchOptions options, table_options, compare_options;
  add_grid_options(app, options);
  CLI::App& table = *app.add_subcommand(
      "table",
      "Run all networks of the table that ResNeSt was published with, and show them beside the "
      "published accuracy and latency; for devices that are only described (cuda:sm_70), show "
      "estimates");
  add_table_options(table, table_options);
  CLI::App& compare = *app.add_subcommand(
      "compare",
      "Compare the results of two runs (-o json or jsonl); exit with 1 if a row became slower "
      "beyond doubt");
  add_compare_options(compare, compare_options);
  return run_command(
      app, argc, argv,
      [&] {
        if (table.parsed()) return bench_table(table_options);
        return compare.parsed() ? compare_files(compare_options) : bench_grid(options);
      },
      joined({kDeviceEnvironment, kCacheEnvironment}));
}
