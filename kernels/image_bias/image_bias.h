#pragma once
// dst[n,pixel,c] = src[n,pixel,c] + bias[n,c]. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct ImageBiasArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of all tensors
  const void* src = nullptr;                  // [n][pixels][c]
  const void* bias = nullptr;                 // [n][c]
  void* dst = nullptr;                        // [n][pixels][c]
  int n = 0, pixels = 0;
  int c = 0;  // a multiple of 8
};
DeviceStatus image_bias(const ImageBiasArgs& args, Stream stream);

}  // namespace nestor
