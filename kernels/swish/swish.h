#pragma once
// dst[i] = src[i] / (1 + exp(-src[i])). dst may be src. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct SwishArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;
  void* dst = nullptr;
  std::int64_t count = 0;  // elements, a multiple of 8
};
DeviceStatus swish(const SwishArgs& args, Stream stream);

}  // namespace nestor
