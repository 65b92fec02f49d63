#pragma once
// dst[i] = src[i] < 0 ? 0 : src[i], so that NaN stays NaN. dst may be src. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct ReluArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;
  void* dst = nullptr;
  std::int64_t count = 0;  // elements, a multiple of 8
};
DeviceStatus relu(const ReluArgs& args, Stream stream);

}  // namespace nestor
