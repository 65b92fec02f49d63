#include "tests/simt/support/device_library.h"

#include <new>
#include <optional>

namespace nestor {

namespace {

std::optional<simt::Options> chosen_options;
simt::EmulatedRuntime* last = nullptr;

}  // namespace

namespace simt {

void set_device_options(const Options& options) { chosen_options = options; }

EmulatedRuntime* last_runtime() { return last; }

}  // namespace simt

DeviceStatus count_cuda_devices(int& count) {
  count = 1;
  return {};
}

DeviceRuntime* make_cuda_runtime(int) {
  last = new (std::nothrow)
      simt::EmulatedRuntime(chosen_options ? *chosen_options : simt::Options::from_environment());
  return last;
}

}  // namespace nestor
