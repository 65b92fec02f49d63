#pragma once
// dst[i] = a[i] + b[i]. dst may be a or b. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct AddArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* a = nullptr;
  const void* b = nullptr;
  void* dst = nullptr;
  std::int64_t count = 0;  // elements, a multiple of 8
};
DeviceStatus add(const AddArgs& args, Stream stream);

}  // namespace nestor
