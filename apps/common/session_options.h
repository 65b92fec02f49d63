#pragma once
// The command-line options that say on what and how a model runs.

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "nestor/nestor.h"

namespace nestor {

struct DeviceOptions {
  std::string device = "auto";
  std::string precision;  // empty: the device's own
  int threads = 0;
  bool deterministic = false;
  std::string tuning;  // a file, or kNoTuning; empty: the default file, if it is there
};

inline constexpr std::string_view kNoTuning = "none";

// --device, --precision, --threads, --deterministic, --tuning.
void add_device_options(CLI::App& app, DeviceOptions& options);

// For sessions of that model: the default tuning file is for GPUs that are there.
SessionOptions session_options(const DeviceOptions& options, const Model& model);

// Says on standard error why the session's tuning file is ignored, if it is.
void print_warnings(std::string_view command, const Session& session);

// Says on standard error where a model's weights are made up.
void warn_if_synthetic(std::string_view command, std::string_view weights, const ModelInfo& info);

}  // namespace nestor
