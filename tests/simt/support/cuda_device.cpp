#include <catch2/catch.hpp>

#include "kernels/runtime/library.h"
#include "tests/simt/support/device.h"

namespace nestor::test {

int for_each_device(int oldest_sm, const std::function<void(Device&)>& test) {
  int count = 0;
  const DeviceStatus status = count_cuda_devices(count);
  if (!status.ok() || count == 0) {
    throw std::runtime_error(std::string("no CUDA device: ") + status.what);
  }
  Device device(std::unique_ptr<DeviceRuntime>(make_cuda_runtime(0)));
  INFO("GPU of sm_" << device.sm());
  if (device.sm() < oldest_sm) {
    WARN("skipped: needs sm_" << oldest_sm << ", this GPU is sm_" << device.sm());
    return 0;
  }
  test(device);
  return 1;
}

}  // namespace nestor::test
