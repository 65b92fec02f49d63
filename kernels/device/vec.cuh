#pragma once
// Wide loads and stores, and arithmetic on pairs of halves in a 32-bit register.
//
// Loads and stores take shared or global addresses, aligned to their size. The emulator checks
// these in every build, and counts their bank conflicts and sectors, so hot loops use them and
// nothing else.

#include "kernels/device/simt.cuh"

namespace nestor {

// T is an unsigned int, uint2 or uint4, or another type of 4, 8 or 16 bytes.
template <class T>
__device__ __forceinline__ T load(const void* address, CallSite site = CallSite::here()) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16, "not one instruction");
#if NESTOR_SIMT
  return simt::load<T>(address, site);
#else
  return *static_cast<const T*>(address);
#endif
}

template <class T>
__device__ __forceinline__ void store(void* address, T value, CallSite site = CallSite::here()) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 16, "not one instruction");
#if NESTOR_SIMT
  simt::store(address, value, site);
#else
  *static_cast<T*>(address) = value;
#endif
}

__device__ __forceinline__ uint4 ld128(const void* address, CallSite site = CallSite::here()) {
  return load<uint4>(address, site);
}

__device__ __forceinline__ void st128(void* address, uint4 value,
                                      CallSite site = CallSite::here()) {
  store<uint4>(address, value, site);
}

// Two halves in a register, the first in the low bits.
__device__ __forceinline__ std::uint32_t pack_half2(float low, float high) {
#if NESTOR_SIMT
  return simt::half_from_float(low) | static_cast<std::uint32_t>(simt::half_from_float(high)) << 16;
#else
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
#endif
}

__device__ __forceinline__ float2 unpack_half2(std::uint32_t pair) {
#if NESTOR_SIMT
  return {simt::float_from_half(pair & 0xffff), simt::float_from_half(pair >> 16)};
#else
  return __half22float2(*reinterpret_cast<const __half2*>(&pair));
#endif
}

// a + b, a * b and a * b + c of both halves, each rounded once.
__device__ __forceinline__ std::uint32_t half2_add(std::uint32_t a, std::uint32_t b) {
#if NESTOR_SIMT
  return simt::half2_fma(a, 0x3c003c00u, b);  // 1, 1
#else
  const __half2 sum =
      __hadd2(*reinterpret_cast<const __half2*>(&a), *reinterpret_cast<const __half2*>(&b));
  return *reinterpret_cast<const std::uint32_t*>(&sum);
#endif
}

__device__ __forceinline__ std::uint32_t half2_mul(std::uint32_t a, std::uint32_t b) {
#if NESTOR_SIMT
  return simt::half2_fma(a, b, 0x80008000u);  // -0, -0
#else
  const __half2 product =
      __hmul2(*reinterpret_cast<const __half2*>(&a), *reinterpret_cast<const __half2*>(&b));
  return *reinterpret_cast<const std::uint32_t*>(&product);
#endif
}

__device__ __forceinline__ std::uint32_t half2_fma(std::uint32_t a, std::uint32_t b,
                                                   std::uint32_t c) {
#if NESTOR_SIMT
  return simt::half2_fma(a, b, c);
#else
  const __half2 result =
      __hfma2(*reinterpret_cast<const __half2*>(&a), *reinterpret_cast<const __half2*>(&b),
              *reinterpret_cast<const __half2*>(&c));
  return *reinterpret_cast<const std::uint32_t*>(&result);
#endif
}

// ReLU that passes NaN on, which fmaxf would swallow.
__device__ __forceinline__ float relu(float x) { return x < 0.0f ? 0.0f : x; }

}  // namespace nestor
