#include <catch2/catch.hpp>

#include "emulator/emulated_runtime.h"
#include "tests/simt/support/device.h"

namespace nestor::test {

int for_each_device(int oldest_sm, const std::function<void(Device&)>& test) {
  int count = 0;
  for (const int sm : {oldest_sm, 90}) {
    simt::Options base;
    base.sm = sm;
    for (const simt::Options& options : simt::schedules(base)) {
      INFO("emulated " << to_string(options));
      Device device(std::make_unique<simt::EmulatedRuntime>(options));
      test(device);
      ++count;
    }
  }
  return count;
}

}  // namespace nestor::test
