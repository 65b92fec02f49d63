#pragma once
// The one door between kernel sources and the machine that runs them.
//
// NESTOR_SIMT says which: 0, a GPU (nvcc); 1, the emulator in tests/simt (the host compiler). A
// kernel file includes headers of kernels/device only, and uses of CUDA just what is listed here:
//
//   __global__ __device__ __launch_bounds__ __grid_constant__ __constant__
//   threadIdx blockIdx blockDim gridDim
//   __syncthreads() __threadfence()
//   atomicAdd atomicMax atomicMin atomicOr atomicExch atomicCAS   on int and unsigned: sums
//                                                                 of floats would depend on the order
//   __half __half2 __nv_bfloat16 and their conversions, float2 float4 uint2 uint4 and make_...
//   __float_as_uint __uint_as_float __popc __clz, and expf, fmaxf, ... of <math.h>
//   block_smem<Smem>()
//
// and the vocabulary of warp.cuh, block.cuh, vec.cuh, mma.cuh and async_copy.cuh.

#ifndef NESTOR_SIMT
#error "define NESTOR_SIMT: 0 to compile for a GPU, 1 for the emulator"
#endif

#include <cstdint>

#if NESTOR_SIMT
#include "emulator/cuda_language.h"  // of tests/simt
#else
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

// The architecture that is being compiled for, 70 to 90; 0 while nvcc reads the file for the host.
#ifdef __CUDA_ARCH__
#define NESTOR_SM (__CUDA_ARCH__ / 10)
#else
#define NESTOR_SM 0
#endif

namespace nestor {

// Where a device function was called. The emulator names it in every message; on a GPU it is
// nothing.
struct CallSite {
  static constexpr __device__ CallSite here() { return {}; }
};

}  // namespace nestor
#endif

namespace nestor {

// Whether this compilation is for one of the architectures kOldest to kNewest. A kernel for some of
// them has for all others an empty body that traps, which costs neither time to compile nor space:
//
//   if constexpr (compiles_for<80, 90>()) { ... } else { wrong_architecture(); }
//
// The emulator has one build for all, and refuses single instructions.
template <int kOldest, int kNewest>
__device__ constexpr bool compiles_for() {
#if NESTOR_SIMT
  return true;
#else
  return NESTOR_SM >= kOldest && NESTOR_SM <= kNewest;
#endif
}
__device__ __forceinline__ void wrong_architecture() { __trap(); }

// The value, as if it had just been read from somewhere. What rare work within a loop computes from
// it is not computed ahead of the loop, where it would take registers from the common work.
__device__ __forceinline__ int opaque(int value) {
#if !NESTOR_SIMT
  asm volatile("" : "+r"(value));
#endif
  return value;
}

// An array in shared memory. The emulator checks each index, and keeps a gap behind the array, so
// that running over its end is noticed also through pointers.
template <class T, int kSize>
struct SharedArray {
  static_assert(kSize > 0, "an array without elements");

  __device__ __forceinline__ T& operator[](int index) {
#if NESTOR_SIMT
    simt::check_index(index, kSize);
#endif
    return data[index];
  }
  __device__ __forceinline__ T* begin() { return data; }

  alignas(16) T data[kSize];
#if NESTOR_SIMT
  simt::SharedGap gap;
#endif
};

// All shared memory of a kernel: one plain struct, whose size the launch gives as its shared_bytes.
// Not initialised; the emulator fills it with NaN before each block.
template <class Smem>
__device__ __forceinline__ Smem& block_smem(CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  return simt::block_smem<Smem>(site);
#else
  static_assert(alignof(Smem) <= 128, "dynamic shared memory is aligned to 128 bytes");
  extern __shared__ __align__(128) unsigned char dynamic_smem[];
  // SASS does not tell how much is used. resources.py finds this comment in the PTX.
  asm volatile("// block_smem %0" ::"n"(sizeof(Smem)));
  return *reinterpret_cast<Smem*>(dynamic_smem);
#endif
}

}  // namespace nestor
