#include "apps/common/session_options.h"

#include <fmt/core.h>

#include <cstdio>

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
}

SessionOptions session_options(const DeviceOptions& options) {
  SessionOptions result{.threads = options.threads};
  if (!options.precision.empty()) result.precision = parse_precision(options.precision);
  return result;
}

void warn_if_synthetic(std::string_view command, std::string_view weights, const ModelInfo& info) {
  if (!info.synthetic) return;
  fmt::print(stderr, "{}: {} has synthetic weights: the answers are meaningless\n", command,
             weights);
}

}  // namespace nestor
