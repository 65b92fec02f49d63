#pragma once
// The mean of each channel over an image's pixels, as float32. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct GlobalAveragePoolArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;  // [n][pixels][c]
  float* dst = nullptr;       // [n][c]
  int n = 0, pixels = 0;
  int c = 0;        // a multiple of 8
  int divisor = 0;  // of the sums, where src holds sums itself; 0: pixels
};
DeviceStatus global_average_pool(const GlobalAveragePoolArgs& args, Stream stream);

}  // namespace nestor
