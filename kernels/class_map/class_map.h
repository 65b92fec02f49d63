#pragma once
// The class of each pixel: the first of the largest resized scores (engine/ops/class_map/class_map.h).
// Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct ClassMapArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of src
  const void* src = nullptr;                  // [n][h][w][c]
  void* dst = nullptr;                        // [n][p][q], a byte each; int32 if num_classes > 256
  int n = 0, h = 0, w = 0, p = 0, q = 0;
  int num_classes = 0;
  int c = 0;  // num_classes, padded to a multiple of 8
};
DeviceStatus class_map(const ClassMapArgs& args, Stream stream);

}  // namespace nestor
