#include "apps/common/result_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include "apps/common/choices.h"
#include "apps/common/distinct_files.h"
#include "engine/atomic_file.h"

namespace nestor {

namespace {

constexpr const char* kGroup = "Results";

// "text, json or csv"
std::string listed(const std::vector<std::string>& words) {
  if (words.size() == 1) return words.front();
  return fmt::format("{} or {}", fmt::join(words.begin(), words.end() - 1, ", "), words.back());
}

}  // namespace

void add_format_option(CLI::App& app, ResultOptions& options, std::vector<std::string> formats) {
  options.format = formats.front();
  app.add_option("--format,--results-format", options.format,
                 "Format of the results: " + listed(formats))
      ->check(one_of(formats))
      ->type_name("FORMAT")
      ->default_str(formats.front())
      ->group(kGroup);
}

void add_output_option(CLI::App& app, ResultOptions& options) {
  app.add_option("-o,--output,--results-file", options.output,
                 "Write the results to this file (default: standard output)")
      ->type_name("FILE")
      ->group(kGroup);
}

void add_save_options(CLI::App& app, ResultOptions& options, const std::string& outputs) {
  CLI::Option* const save =
      app.add_option("--save-outputs", options.save_outputs,
                     fmt::format("Write the {} and --save-tensors of all images that succeeded, in "
                                 "order, as float32 safetensors with the images' names in the "
                                 "metadata",
                                 outputs))
          ->type_name("FILE")
          ->group(kGroup);
  app.add_option("--save-tensors", options.save_tensors,
                 "Save these intermediate tensors as well: input,stem,layer1,layer1.attention,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES")
      ->needs(save)
      ->group(kGroup);
}

void add_quiet_option(CLI::App& app, ResultOptions& options) {
  app.add_flag("-q,--quiet", options.quiet,
               "Print no progress and no summary, only results, errors and warnings")
      ->group(kGroup);
}

void check_outputs(const ResultOptions& options, std::vector<std::string> read) {
  require_distinct("--save-outputs", options.save_outputs, read);
  if (!options.save_outputs.empty()) {
    const AtomicFile can_be_written(options.save_outputs);
    read.push_back(options.save_outputs);
  }
  require_distinct("--output", options.output, read);
}

RunSummary::Options summary_options(RunSummary::Options words, const ResultOptions& options) {
  words.quiet = options.quiet;
  words.results_visible = options.output.empty() && ::isatty(STDOUT_FILENO) == 1;
  words.errors_visible = words.results_visible && ::isatty(STDERR_FILENO) == 1;
  return words;
}

}  // namespace nestor
