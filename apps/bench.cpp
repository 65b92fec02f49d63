// nestor-bench: how long networks take, and why.

#include <fmt/format.h>

#include <iostream>

#include "apps/bench/bench_options.h"
#include "apps/bench/compared_rows.h"
#include "apps/bench/markdown.h"
#include "apps/bench/profile.h"
#include "apps/bench/results.h"
#include "apps/bench/serve.h"
#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "apps/common/environment.h"
#include "apps/common/messages.h"
#include "apps/common/text_output.h"
#include "apps/common/tuning.h"
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
  if (options.format == ResultFormat::kCsv) return csv_table(documents);
  if (options.format == ResultFormat::kJson) return json_document(documents);
  std::string lines;
  for (const Json& document : documents) lines += json_line(document);
  return lines;
}

std::vector<ComparedRow> compare_with_earlier(const BenchOptions& options,
                                              const std::vector<EarlierRow>& earlier,
                                              std::span<const Row> rows) {
  std::vector<ComparedRow> compared = compare(earlier, rows);
  CHECK_AS(kBadInput, !compared.empty(), "{}: none of its {} rows was measured now",
           options.compare, earlier.size());
  return compared;
}

int measure_and_report(const BenchOptions& options) {
  const std::vector<Cell> cells = cells_of(options.grid);
  std::vector<EarlierRow> earlier;  // refused before minutes pass
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
  if (!options.compare.empty()) compared = compare_with_earlier(options, earlier, rows);
  TextOutput output(options.output);
  const std::string text = results_text(options, rows, compared);
  options.format == ResultFormat::kMarkdown ? output.write_printable(text) : output.write(text);
  output.finish();
  if (!options.trace.empty()) {
    TextOutput trace(options.trace);
    trace.write(trace_document(rows));
    trace.finish();
  }
  if (any_slower(compared)) return kSlower;
  return some_failed ? kSomeCellsFailed : 0;
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

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Measure how long networks take, on which device, in which precision, and why.\n\n"
      "  nestor-bench --network resnest50,resnest101 --batch-size 1,16\n"
      "  nestor-bench --weights resnest50.safetensors --device cuda,cpu --precision fp16,fp32\n"
      "  nestor-bench --network resnest50 -o json --output before.json\n"
      "  nestor-bench --network resnest50 --compare before.json\n"
      "  nestor-bench --network resnest50 --profile --trace steps.json",
      kName);
  BenchOptions options;
  add_grid_options(app, options);
  return run_command(
      app, argc, argv, [&] { return bench_grid(options); },
      joined({kDeviceEnvironment, kCacheEnvironment}));
}
