#pragma once
// The activations of activation.h, on float32.

#include "kernels/device/activation.h"
#include "kernels/device/vec.cuh"

namespace nestor {

// 1 / (1 + exp(-x)) to a few units of the last place times 1 + |x| / 8. By two approximations and
// nothing else: an exact division has branches that cost GEMMs registers, and spills.
__device__ __forceinline__ float sigmoid(float x) {
  const float power = x * -1.44269504f;  // exp(-x) = 2^power
#if NESTOR_SIMT
  return 1.0f / (1.0f + exp2f(power));
#else
  float exponential, result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(exponential) : "f"(power));
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(1.0f + exponential));
  return result;
#endif
}

// Far below zero the sigmoid is 0, and the result -0.
__device__ __forceinline__ float swish(float x) { return x * sigmoid(x); }

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
