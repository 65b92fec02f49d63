#pragma once
// Align-corners bilinear resize (engine/ops/resize_bilinear/resize_bilinear.h). Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct ResizeBilinearArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of src and dst
  const void* src = nullptr;                  // [n][h][w][c]
  void* dst = nullptr;                        // [n][p][q][c]
  int n = 0, h = 0, w = 0, p = 0, q = 0;
  int c = 0;  // a multiple of 8
};
DeviceStatus resize_bilinear(const ResizeBilinearArgs& args, Stream stream);

}  // namespace nestor
