// The device of nestor_device_kernel_tests: the first GPU.
#include <catch2/catch.hpp>
#include <stdexcept>

#include "kernels/runtime/library.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {

namespace {

std::unique_ptr<Device> open_gpu() {
  int count = 0;
  const DeviceStatus status = count_cuda_devices(count);
  if (!status.ok() || count == 0) {
    throw std::runtime_error(std::string("no CUDA device: ") + status.what);
  }
  return std::make_unique<Device>(std::unique_ptr<DeviceRuntime>(make_cuda_runtime(0)));
}

}  // namespace

std::vector<DeviceUnderTest> devices_under_test(int first_sm, int last_sm) {
  static const int gpu_sm = open_gpu()->sm();
  if (gpu_sm < first_sm || gpu_sm > last_sm) return {};
  return {{"GPU of sm_" + std::to_string(gpu_sm), open_gpu}};
}

simt::KernelCounters count(const std::function<void(Device&)>&, const std::string& kernel, int) {
  throw std::logic_error("a GPU does not count the accesses of " + kernel);
}

}  // namespace nestor::test
