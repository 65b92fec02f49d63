#include "apps/common/running_options.h"

#include <fmt/format.h>

#include <algorithm>

namespace nestor {

namespace {

constexpr int kMostImages = 65'536;  // in a batch

}  // namespace

void add_running_options(CLI::App& app, RunningOptions& options, std::size_t most) {
  add_device_options(app, options.device);
  app.add_option("-b,--batch-size", options.batch_size,
                 fmt::format("Images per batch (default: all, at most {})", most))
      ->check(CLI::Range(1, kMostImages))
      ->group("Running");
}

std::size_t batch_size_of(const RunningOptions& options, std::size_t num_images, std::size_t most) {
  return options.batch_size > 0 ? options.batch_size : std::min(num_images, most);
}

}  // namespace nestor
