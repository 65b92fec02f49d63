#pragma once
// The devices that tests of convolutions run a family's tiles on.

#include "kernels/convolution/mma_family.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {

// The architecture that a family's tiles are emulated as.
constexpr int sm_of(MmaFamily family) { return family_row(family).first_sm; }

inline std::vector<DeviceUnderTest> devices_for(MmaFamily family) {
  return family_row(family).tensor_cores ? devices_with_tensor_cores(sm_of(family))
                                         : devices_under_test();
}

}  // namespace nestor::test
