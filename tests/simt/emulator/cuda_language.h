#pragma once
// CUDA's keywords and functions for the host compiler, as far as kernels/device/simt.cuh allows
// them.

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <math.h>
#include <vector_functions.h>
#include <vector_types.h>

#include <new>

#include "emulator/device_api.h"
#include "emulator/half.h"

#undef __global__
#undef __device__
#undef __host__
#undef __constant__
#undef __shared__
#undef __launch_bounds__
#undef __grid_constant__
#undef __forceinline__
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ _Pragma("GCC error \"shared memory comes from block_smem<Smem>()\"")
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))

#define threadIdx (::nestor::simt::current_thread->index)
#define blockIdx (::nestor::simt::current_block->index)
#define blockDim (::nestor::simt::current_block->num_threads)
#define gridDim (::nestor::simt::current_block->grid)

inline void __syncthreads(nestor::CallSite site = nestor::CallSite::here()) {
  nestor::simt::syncthreads(site);
}
inline void __threadfence(nestor::CallSite site = nestor::CallSite::here()) {
  nestor::simt::threadfence(site);
}
inline void __trap(nestor::CallSite site = nestor::CallSite::here()) { nestor::simt::trap(site); }

// --- atomics, on integers only ------------------------------------------------------------------
inline int atomicAdd(int* address, int value, nestor::CallSite site = nestor::CallSite::here()) {
  return static_cast<int>(nestor::simt::atomic(nestor::simt::Atomic::kAdd, address,
                                               static_cast<unsigned>(value), site));
}
inline unsigned atomicAdd(unsigned* address, unsigned value,
                          nestor::CallSite site = nestor::CallSite::here()) {
  return nestor::simt::atomic(nestor::simt::Atomic::kAdd, address, value, site);
}
inline int atomicMax(int* address, int value, nestor::CallSite site = nestor::CallSite::here()) {
  return static_cast<int>(nestor::simt::atomic(nestor::simt::Atomic::kMaxSigned, address,
                                               static_cast<unsigned>(value), site));
}
inline unsigned atomicMax(unsigned* address, unsigned value,
                          nestor::CallSite site = nestor::CallSite::here()) {
  return nestor::simt::atomic(nestor::simt::Atomic::kMaxUnsigned, address, value, site);
}
inline int atomicMin(int* address, int value, nestor::CallSite site = nestor::CallSite::here()) {
  return static_cast<int>(nestor::simt::atomic(nestor::simt::Atomic::kMinSigned, address,
                                               static_cast<unsigned>(value), site));
}
inline unsigned atomicMin(unsigned* address, unsigned value,
                          nestor::CallSite site = nestor::CallSite::here()) {
  return nestor::simt::atomic(nestor::simt::Atomic::kMinUnsigned, address, value, site);
}
inline unsigned atomicOr(unsigned* address, unsigned value,
                         nestor::CallSite site = nestor::CallSite::here()) {
  return nestor::simt::atomic(nestor::simt::Atomic::kOr, address, value, site);
}
inline unsigned atomicExch(unsigned* address, unsigned value,
                           nestor::CallSite site = nestor::CallSite::here()) {
  return nestor::simt::atomic(nestor::simt::Atomic::kExchange, address, value, site);
}
inline unsigned atomicCAS(unsigned* address, unsigned expected, unsigned value,
                          nestor::CallSite site = nestor::CallSite::here()) {
  return nestor::simt::atomic_cas(address, expected, value, site);
}

// --- bits and arithmetic ------------------------------------------------------------------------
inline unsigned __float_as_uint(float value) { return nestor::simt::bits_of(value); }
inline float __uint_as_float(unsigned bits) { return nestor::simt::float_of(bits); }
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __clz(int value) {
  return value == 0 ? 32 : __builtin_clz(static_cast<unsigned>(value));
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
