#pragma once
// The command-line options of commands that run images in batches.

#include <CLI/CLI.hpp>
#include <cstddef>

#include "apps/common/session_options.h"

namespace nestor {

struct RunningOptions {
  DeviceOptions device;
  std::size_t batch_size = 0;  // 0: the command's choice
};

inline constexpr std::size_t kMaxDefaultBatch = 16;

// Those of the device, and --batch-size, of which the command's choice is `most` at most.
void add_running_options(CLI::App& app, RunningOptions& options,
                         std::size_t most = kMaxDefaultBatch);

// Images per batch: as many as there are, at most `most`, unless the options say otherwise.
std::size_t batch_size_of(const RunningOptions& options, std::size_t num_images,
                          std::size_t most = kMaxDefaultBatch);

}  // namespace nestor
