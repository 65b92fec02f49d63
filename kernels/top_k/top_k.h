#pragma once
// The k largest logits of each image and their classes, the largest first. Of equal ones the lower
// class comes first; NaN is below everything. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

constexpr int kMaxTopK = 8;

struct TopKArgs {
  const float* logits = nullptr;    // [n][num_classes]
  float* values = nullptr;          // [n][k]
  std::int32_t* classes = nullptr;  // [n][k]
  int n = 0, num_classes = 0;
  int k = 0;  // at most num_classes and kMaxTopK
};
DeviceStatus top_k(const TopKArgs& args, Stream stream);

}  // namespace nestor
