#pragma once
// dst[pixel,c] = sum_r src[pixel, r * width + c]. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct RadixSumArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;  // [pixels][radix * width]
  void* dst = nullptr;        // [pixels][width]
  std::int64_t pixels = 0;    // of the whole batch
  int width = 0;              // a multiple of 8
  int radix = 2;
};
DeviceStatus radix_sum(const RadixSumArgs& args, Stream stream);

}  // namespace nestor
