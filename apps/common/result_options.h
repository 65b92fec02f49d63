#pragma once
// The command-line options for the results of a run. A command adds those that it has.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "apps/common/run_summary.h"
#include "apps/common/text_output.h"

namespace nestor {

struct ResultOptions {
  std::string format;
  std::string output;                                     // a file; empty: standard output
  bool resume = false;                                    // go on with it
  std::vector<std::string> resumable = {"jsonl", "csv"};  // formats that can be gone on with
  std::string save_outputs;                               // a file; empty: tensors are not saved
  std::vector<std::string> save_tensors;
  bool quiet = false;
};

// --format, one of `formats`, the first of which is the default.
void add_format_option(CLI::App& app, ResultOptions& options, std::vector<std::string> formats);

// --output, a file, and --resume.
void add_output_option(CLI::App& app, ResultOptions& options);

// --save-outputs and --save-tensors. `outputs`: what the network computes ("logits").
void add_save_options(CLI::App& app, ResultOptions& options, const std::string& outputs);

// --quiet.
void add_quiet_option(CLI::App& app, ResultOptions& options);

// Finds what would cost all results if it showed only at the end: throws kUsage if an output is one
// of the files that the command reads or another output, or cannot be gone on with, kInternal if
// tensors cannot be written.
void check_outputs(const ResultOptions& options, std::vector<std::string> read);

// Says how many of `num_all` images are left out because their results are in the output.
void report_resumed(std::string_view command, const ResultOptions& options,
                    std::size_t num_left_out, std::size_t num_all, const std::string& output);

// The destination of the results. With --resume, a file that grows with each image; those of `names`
// that have results in it are taken out, and `command` says how many.
TextOutput open_results(std::string_view command, const ResultOptions& options,
                        std::vector<std::string>& names);

// `words` with how much the summary of such a run shows.
RunSummary::Options summary_options(RunSummary::Options words, const ResultOptions& options);

}  // namespace nestor
