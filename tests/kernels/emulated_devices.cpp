// The devices of nestor_kernel_tests.
#include "emulator/emulated_runtime.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {

std::vector<DeviceUnderTest> devices_under_test(int first_sm, int /*last_sm*/) {
  simt::Options base;
  base.sm = first_sm;
  std::vector<DeviceUnderTest> devices;
  for (const simt::Options& options : simt::schedules(base)) {
    devices.push_back({"emulated " + to_string(options), [options] {
                         return std::make_unique<Device>(
                             std::make_unique<simt::EmulatedRuntime>(options));
                       }});
  }
  return devices;
}

simt::KernelCounters count(const std::function<void(Device&)>& run, const std::string& kernel,
                           int sm) {
  simt::Options options;
  options.sm = sm;
  options.count_accesses = true;
  auto owned = std::make_unique<simt::EmulatedRuntime>(options);
  simt::EmulatedRuntime& runtime = *owned;
  Device device(std::move(owned));
  run(device);
  device.synchronize();
  return runtime.counters().at(kernel);
}

}  // namespace nestor::test
