#include "apps/evaluation/figures_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/common/distinct_files.h"
#include "apps/common/text_output.h"
#include "engine/atomic_file.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kGroup = "Results";
constexpr int kIndent = 2;

}  // namespace

void add_figures_options(CLI::App& app, FiguresOptions& options) {
  app.add_option("-o,--output", options.output, "Write the figures to this file, as JSON")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_flag("-q,--quiet", options.quiet, "Print no figures and no progress, only errors")
      ->group(kGroup);
}

void check_figures_output(const FiguresOptions& options, std::span<const std::string> read) {
  require_distinct("--output", options.output, read);
  if (!options.output.empty()) const AtomicFile can_be_written(options.output);
}

std::string figures_text(std::span<const Figure> figures) {
  std::size_t width = 0;
  for (const Figure& figure : figures) width = std::max(width, figure.name.size());
  std::string text;
  for (const Figure& figure : figures) {
    const std::string value = figure.value < 0 ? "-" : fmt::format("{:.4f}", figure.value);
    text += fmt::format("{:{}}  {}\n", printable(figure.name), width, value);
  }
  return text;
}

void report_figures(const FiguresOptions& options, std::span<const Figure> figures,
                    const Json& facts) {
  if (!options.quiet) {
    TextOutput standard("");
    standard.write(figures_text(figures));
    standard.finish();
  }
  if (options.output.empty()) return;
  Json all = Json::object();
  for (const Figure& figure : figures) all[figure.name] = figure.value;
  all.update(facts);
  TextOutput file(options.output);
  file.write(all.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n");
  file.finish();
}

}  // namespace nestor
