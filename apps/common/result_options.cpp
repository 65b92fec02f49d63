#include "apps/common/result_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "apps/common/choices.h"
#include "apps/common/distinct_files.h"
#include "apps/common/finished_images.h"
#include "apps/common/messages.h"
#include "engine/atomic_file.h"
#include "engine/check.h"

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
  CLI::Option* const output =
      app.add_option("-o,--output,--results-file", options.output,
                     "Write the results to this file (default: standard output)")
          ->type_name("FILE")
          ->group(kGroup);
  app.add_flag("--resume", options.resume,
               "Write to --output image by image, and leave out images whose results it has from "
               "an earlier run (jsonl and csv)")
      ->needs(output)
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

namespace {

void check_resume(const ResultOptions& options) {
  CHECK_AS(kUsage, std::ranges::count(options.resumable, options.format) > 0,
           "--resume needs --format {}, found {}", listed(options.resumable), options.format);
  CHECK_AS(kUsage, options.save_outputs.empty(),
           "--resume and --save-outputs: the tensors of the images that are left out would lack");
}

}  // namespace

void check_outputs(const ResultOptions& options, std::vector<std::string> read) {
  require_distinct("--save-outputs", options.save_outputs, read);
  if (!options.save_outputs.empty()) {
    const AtomicFile can_be_written(options.save_outputs);
    read.push_back(options.save_outputs);
  }
  require_distinct("--output", options.output, read);
  if (options.resume) check_resume(options);
}

void report_resumed(std::string_view command, const ResultOptions& options,
                    std::size_t num_left_out, std::size_t num_all, const std::string& output) {
  if (num_left_out == 0 || options.quiet) return;
  print_message(command,
                fmt::format("{} of {} images have results in {}", num_left_out, num_all, output));
}

TextOutput open_results(std::string_view command, const ResultOptions& options,
                        std::vector<std::string>& names) {
  if (!options.resume) return TextOutput(options.output);
  auto file = std::make_unique<GrowingFile>(options.output);
  const FinishedImages finished(options.output, options.format);
  file->keep(finished.whole_bytes());
  const std::size_t num_all = names.size();
  names = finished.without(std::move(names));
  report_resumed(command, options, num_all - names.size(), num_all, options.output);
  return TextOutput(std::move(file));
}

RunSummary::Options summary_options(RunSummary::Options words, const ResultOptions& options) {
  words.quiet = options.quiet;
  words.results_visible = options.output.empty() && ::isatty(STDOUT_FILENO) == 1;
  words.errors_visible = words.results_visible && ::isatty(STDERR_FILENO) == 1;
  return words;
}

}  // namespace nestor
