#include "tests/simt/support/device_library.h"

#include <new>
#include <optional>

namespace nestor {

namespace {

std::optional<simt::Options> chosen_options;
std::optional<DeviceCode> fault_at_open;
simt::EmulatedRuntime* last = nullptr;

}  // namespace

namespace simt {

void set_device_options(const Options& options) { chosen_options = options; }

void fail_next_open(DeviceCode code) { fault_at_open = code; }

EmulatedRuntime* last_runtime() { return last; }

}  // namespace simt

const char* cuda_toolkit() { return "emulated"; }

DeviceStatus count_cuda_devices(int& count) {
  count = 1;
  return {};
}

DeviceRuntime* make_cuda_runtime(int) {
  last = new (std::nothrow)
      simt::EmulatedRuntime(chosen_options ? *chosen_options : simt::Options::from_environment());
  if (last != nullptr && fault_at_open) last->fail_call(1, *fault_at_open);
  fault_at_open.reset();
  return last;
}

}  // namespace nestor
