#pragma once
// dst[n,y,x,c] = lateral[n,y,x,c] + coarse[n,y/2,x/2,c]. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct UpsampleAddArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* lateral = nullptr;  // [n][h][w][c]
  const void* coarse = nullptr;   // [n][(h+1)/2][(w+1)/2][c]
  void* dst = nullptr;            // like lateral, which it may be
  int n = 0, h = 0, w = 0;
  int c = 0;  // a multiple of 8
};
DeviceStatus upsample_add(const UpsampleAddArgs& args, Stream stream);

}  // namespace nestor
