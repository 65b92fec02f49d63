#include "apps/common/session_options.h"

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>

#include "engine/backend.h"
#include "engine/model.h"
#include "engine/plan/tuning.h"

namespace nestor {

void add_device_options(CLI::App& app, DeviceOptions& options) {
  app.add_option("--device", options.device, "auto (a GPU if there is one), cpu, cuda or cuda:N")
      ->capture_default_str()
      ->group("Running");
  app.add_option(
         "--precision", options.precision,
         "fp32, fp16 (GPUs) or bf16 (where the CPU has it); default: fp16 on GPUs, else fp32")
      ->type_name("NAME")
      ->group("Running");
  app.add_option("--threads", options.threads, "CPU threads (default: as many as there are cores)")
      ->check(CLI::Range(1, kMaxThreads))
      ->group("Running");
  app.add_flag("--deterministic", options.deterministic,
               "An image's result is the same in any batch, to the bit; slower on GPUs")
      ->group("Running");
  app.add_option("--tuning", options.tuning,
                 "Tuning file of `nestor-inspect MODEL --tune`, or none (default: $NESTOR_TUNING, "
                 "else tuning.json in $NESTOR_HOME or ~/.cache/nestor)")
      ->type_name("FILE")
      ->group("Running");
}

SessionOptions session_options(const DeviceOptions& options, const Model& model) {
  SessionOptions result{.threads = options.threads, .deterministic = options.deterministic};
  if (!options.precision.empty()) result.precision = parse_precision(options.precision);
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
    fmt::print(stderr, "{}: warning: {}\n", command, warning);
  }
}

void warn_if_synthetic(std::string_view command, std::string_view weights, const ModelInfo& info) {
  if (!info.synthetic) return;
  fmt::print(stderr, "{}: {} has synthetic weights: the answers are meaningless\n", command,
             weights);
}

}  // namespace nestor
