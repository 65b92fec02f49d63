#pragma once
// The command-line options of commands that fetch official weights.

#include <CLI/CLI.hpp>

#include "weights_convert/pretrained/options.h"

namespace nestor {

// --registry.
void add_list_option(CLI::App& app, PretrainedOptions& options);

// --offline, --base-url, --timeout, --retries, --time-limit; downloads show a progress bar.
void add_download_options(CLI::App& app, PretrainedOptions& options);

}  // namespace nestor
