#pragma once
// The command-line options for device, precision and threads.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "nestor/nestor.h"

namespace nestor {

// Bytes that a plan may need, 0: as many as there are; and those for plans that are kept.
struct MemoryLimits {
  std::uint64_t host = 0;
  std::uint64_t device = 0;
  std::uint64_t plans = kPlanCacheBytes;
};

struct DeviceOptions {
  std::string device = "auto";
  std::string precision;  // empty: the device's own
  int threads = 0;
  bool deterministic = false;
  std::string tuning;  // a file, or kNoTuning; empty: the default file, if it is there
  MemoryLimits memory = {};
};

inline constexpr std::string_view kNoTuning = "none";

// "fp16" for "float16" and "half", ...; other names as they are.
std::string canonical_precision(std::string_view name);

// --memory-limit, --device-memory-limit and --plan-cache.
void add_memory_limits(CLI::App& app, MemoryLimits& limits, const std::string& group);

// --device, --precision, --threads, --deterministic, --tuning and the limits of memory.
void add_device_options(CLI::App& app, DeviceOptions& options);

// Options for sessions of that model. The default tuning file is used for GPUs only.
SessionOptions session_options(const DeviceOptions& options, const Model& model);

// Says on standard error why the session's tuning file was ignored, if it was.
void print_warnings(std::string_view command, const Session& session);

// Warns on standard error if a model's weights are synthetic.
void warn_if_synthetic(std::string_view command, std::string_view weights, const ModelInfo& info);

}  // namespace nestor
