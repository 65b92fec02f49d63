#pragma once
// The command-line options of commands that fetch official weights.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "weights_convert/official_files.h"

namespace nestor {

struct PretrainedOptions {
  std::string list;      // a file in the form of official_files.json; empty: the compiled-in one
  std::string base_url;  // a mirror that is asked instead of the official hosts
  bool offline = false;
  int timeout_seconds = 30;  // without a byte
  int retries = 4;
};

// --registry.
void add_list_option(CLI::App& app, PretrainedOptions& options);

// --offline, --base-url, --timeout, --retries.
void add_download_options(CLI::App& app, PretrainedOptions& options);

// The list that the options name.
std::vector<OfficialFile> pretrained_files(const PretrainedOptions& options);

}  // namespace nestor
