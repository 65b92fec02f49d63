#include "apps/common/session_options.h"

#include <fmt/format.h>

#include <filesystem>

#include "apps/common/messages.h"
#include "engine/backend.h"
#include "engine/model.h"
#include "engine/plan/tuning.h"

namespace nestor {

namespace {

// Names that other frameworks give the precisions.
constexpr std::pair<std::string_view, std::string_view> kPrecisionNames[] = {
    {"float32", "fp32"}, {"float", "fp32"},    {"float16", "fp16"},
    {"half", "fp16"},    {"bfloat16", "bf16"}, {"tensorfloat32", "tf32"}};

}  // namespace

std::string canonical_precision(std::string_view name) {
  for (const auto& [other, canonical] : kPrecisionNames) {
    if (name == other) return std::string(canonical);
  }
  return std::string(name);
}

void add_memory_limits(CLI::App& app, MemoryLimits& limits, const std::string& group) {
  const auto add = [&](const char* name, std::uint64_t& bytes, const char* meaning) {
    app.add_option(name, bytes, meaning)
        ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
        ->check(CLI::PositiveNumber)
        ->type_name("SIZE")
        ->group(group);
  };
  add("--memory-limit", limits.host,
      "Refuse to run what needs more of the host's memory: 800M, 4G, or bytes");
  add("--device-memory-limit", limits.device,
      "Refuse to run what needs more of a GPU's memory: 800M, 4G, or bytes");
  add("--plan-cache", limits.plans,
      "Keep plans of earlier image sizes within so much memory (default: 64M)");
}

void add_device_options(CLI::App& app, DeviceOptions& options) {
  app.add_option("--device", options.device,
                 "Device to run on: auto (a GPU if there is one), cpu, cuda or cuda:N")
      ->capture_default_str()
      ->type_name("DEVICE")
      ->group("Running");
  app.add_option(
         "--precision", options.precision,
         "Precision to compute in: fp32 or float32; fp16 or float16 (GPUs); bf16 or bfloat16 (if "
         "the CPU has it); tf32 (GPUs). Default: fp16 on GPUs, else fp32")
      ->type_name("NAME")
      ->group("Running");
  app.add_option("-j,--threads", options.threads,
                 "Number of CPU threads (default: the cores that this process may use)")
      ->check(CLI::Range(1, kMaxThreads))
      ->group("Running");
  app.add_flag("--deterministic", options.deterministic,
               "Make an image's result independent of its batch, to the bit; slower on GPUs")
      ->group("Running");
  app.add_option("--tuning", options.tuning,
                 "Use this tuning file, written by `nestor-inspect MODEL --tune`, or none "
                 "(default: $NESTOR_TUNING, else tuning.json in the cache folder)")
      ->type_name("FILE")
      ->group("Running");
  add_memory_limits(app, options.memory, "Running");
}

SessionOptions session_options(const DeviceOptions& options, const Model& model) {
  SessionOptions result{.threads = options.threads, .deterministic = options.deterministic};
  result.host_memory_limit = options.memory.host;
  result.device_memory_limit = options.memory.device;
  result.plan_cache_limit = options.memory.plans;
  if (!options.precision.empty())
    result.precision = parse_precision(canonical_precision(options.precision));
  if (options.tuning == kNoTuning) return result;
  result.tuning = options.tuning;
  const Backend& backend = model.backend();
  if (result.tuning.empty() && backend.can_run() &&
      backend.tuning_key(backend.default_precision())) {
    const std::filesystem::path file = default_tuning_file();
    std::error_code error;
    if (std::filesystem::exists(file, error)) result.tuning = file.string();
  }
  return result;
}

void print_warnings(std::string_view command, const Session& session) {
  for (const std::string& warning : session.warnings()) {
    print_message(command, fmt::format("warning: {}", warning));
  }
}

void warn_if_synthetic(std::string_view command, std::string_view weights, const ModelInfo& info) {
  if (!info.synthetic) return;
  print_message(command,
                fmt::format("{} has synthetic weights: the answers are meaningless", weights));
}

}  // namespace nestor
