#pragma once
// Batch normalisation as dst[pixel,c] = src[pixel,c] * scale[c] + shift[c]. dst may be src.
// Asynchronous.
//
//   scale = gamma / sqrt(running_var + eps),  shift = beta - running_mean * scale

#include "kernels/device/storage.h"

namespace nestor {

struct BatchNormArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;     // [pixels][c]
  const float* scale = nullptr;  // [c]
  const float* shift = nullptr;  // [c]
  void* dst = nullptr;           // [pixels][c]
  std::int64_t pixels = 0;       // of the whole batch
  int c = 0;                     // a multiple of 8
};
DeviceStatus batch_norm(const BatchNormArgs& args, Stream stream);

}  // namespace nestor
