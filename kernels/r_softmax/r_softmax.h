#pragma once
// Softmax over the radix parts of each channel, float32 (engine/ops/r_softmax/r_softmax.h).
// Asynchronous. dst must not be src: with cardinality > 1 the order changes.

#include "kernels/device/storage.h"

namespace nestor {

struct RSoftmaxArgs {
  const float* src = nullptr;  // [n][cardinality][radix][channels]
  float* dst = nullptr;        // [n][radix][cardinality][channels]
  int n = 0;
  int channels = 0;  // of a part of a cardinal group
  int radix = 2;     // 1: a sigmoid
  int cardinality = 1;
};
DeviceStatus r_softmax(const RSoftmaxArgs& args, Stream stream);

}  // namespace nestor
