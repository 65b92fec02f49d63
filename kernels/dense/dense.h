#pragma once
// Fully connected layer on float32 vectors (engine/ops/dense/dense.h). Asynchronous.

#include "kernels/device/activation.h"
#include "kernels/device/counted_rows.h"
#include "kernels/device/storage.h"

namespace nestor {

struct DenseArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of weight
  const float* src = nullptr;                 // [n][c]
  const void* weight = nullptr;               // [k][c]
  const float* bias = nullptr;                // [k]
  float* dst = nullptr;                       // [n][k]
  int n = 0;
  int c = 0;  // a multiple of 8
  int k = 0;
  Activation activation = Activation::kNone;
  CountedRows rows;  // of src and dst; those not in use may stay as they are
};
DeviceStatus dense(const DenseArgs& args, Stream stream);

// A block computes so many outputs of so many vectors.
constexpr int kDenseOutputs = 16, kDenseImages = 4, kDenseThreads = 128;

}  // namespace nestor
