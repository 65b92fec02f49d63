#pragma once
// The activations of activation.h, on float32.

#include "kernels/device/activation.h"
#include "kernels/device/vec.cuh"

namespace nestor {

// Far below zero exp(-x) is infinite, and the result -0.
__device__ __forceinline__ float swish(float x) { return x / (1.0f + expf(-x)); }

template <int kNum>
__device__ __forceinline__ void activate(Activation activation, float (&values)[kNum]) {
  if (activation == Activation::kRelu) {
#pragma unroll
    for (int i = 0; i < kNum; ++i) values[i] = relu(values[i]);
  } else if (activation == Activation::kSwish) {
#pragma unroll
    for (int i = 0; i < kNum; ++i) values[i] = swish(values[i]);
  }
}

}  // namespace nestor
