#pragma once
// The command-line options that say on what and how a model runs.

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "apps/library/nestor/nestor.h"

namespace nestor {

struct DeviceOptions {
  std::string device = "auto";
  std::string precision;  // empty: the device's own
  int threads = 0;
};

// --device, --precision, --threads.
void add_device_options(CLI::App& app, DeviceOptions& options);

SessionOptions session_options(const DeviceOptions& options);

// Says on standard error where a model's weights are made up.
void warn_if_synthetic(std::string_view command, std::string_view weights, const ModelInfo& info);

}  // namespace nestor
