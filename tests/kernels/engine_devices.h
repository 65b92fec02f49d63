#pragma once
// The devices that tests of convolutions run an engine's tiles on.

#include "kernels/convolution/convolution_tuning.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {

// The architecture that an engine's tiles are emulated as.
inline int sm_of(ConvolutionEngine engine) {
  switch (engine) {
    case ConvolutionEngine::kVolta: return 70;
    case ConvolutionEngine::kTuring: return 75;
    case ConvolutionEngine::kAmpere: return 80;
    case ConvolutionEngine::kFma: return kOldestSm;
  }
  return 0;
}

inline std::vector<DeviceUnderTest> devices_for(ConvolutionEngine engine) {
  return engine == ConvolutionEngine::kFma ? devices_under_test()
                                           : devices_with_tensor_cores(sm_of(engine));
}

}  // namespace nestor::test
