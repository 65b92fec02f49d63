#pragma once
// dst[n,pixel,c] = sum_r attention[n, r * width + c] * src[n, pixel, r * width + c]. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct AttentionSumArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of src and dst
  const void* src = nullptr;                  // [n][pixels][radix * width]
  const float* attention = nullptr;           // [n][radix * width]
  void* dst = nullptr;                        // [n][pixels][width]
  int n = 0, pixels = 0;
  int width = 0;  // a multiple of 8
  int radix = 2;
};
DeviceStatus attention_sum(const AttentionSumArgs& args, Stream stream);

}  // namespace nestor
