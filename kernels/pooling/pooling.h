#pragma once
// Maximum and average over a square window (engine/ops/pooling/pooling.h), NHWC. Asynchronous.
//
// Ceil mode is in p and q alone. Padding never wins a maximum, and NaN does. An average is divided
// by kernel * kernel with count_include_pad, else by the pixels that exist.

#include "kernels/device/storage.h"

namespace nestor {

struct PoolingArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;  // [n][h][w][c]
  void* dst = nullptr;        // [n][p][q][c]
  int n = 0, h = 0, w = 0;
  int c = 0;  // a multiple of 8
  int p = 0, q = 0;
  int kernel = 1, stride = 1, pad = 0;  // every window holds a pixel
  bool is_max = true;
  bool count_include_pad = false;
};
DeviceStatus pooling(const PoolingArgs& args, Stream stream);

}  // namespace nestor
