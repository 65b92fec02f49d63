#pragma once
// Chunks of 8 elements, as float32 in registers: from and to global memory of either storage, and
// from and to shared memory without bank conflicts.

#include "kernels/device/storage.h"
#include "kernels/device/vec.cuh"

namespace nestor {

__device__ __forceinline__ void load_chunk(const float* address, float (&values)[kChunk],
                                           CallSite site = CallSite::here()) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float4 quad = load<float4>(address + 4 * half, site);
    values[4 * half] = quad.x;
    values[4 * half + 1] = quad.y;
    values[4 * half + 2] = quad.z;
    values[4 * half + 3] = quad.w;
  }
}

__device__ __forceinline__ void load_chunk(const Half* address, float (&values)[kChunk],
                                           CallSite site = CallSite::here()) {
  const uint4 bits = ld128(address, site);
  const std::uint32_t pairs[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = unpack_half2(pairs[i]);
    values[2 * i] = pair.x;
    values[2 * i + 1] = pair.y;
  }
}

__device__ __forceinline__ void store_chunk(float* address, const float (&values)[kChunk],
                                            CallSite site = CallSite::here()) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    store(address + 4 * half,
          make_float4(values[4 * half], values[4 * half + 1], values[4 * half + 2],
                      values[4 * half + 3]),
          site);
  }
}

__device__ __forceinline__ void store_chunk(Half* address, const float (&values)[kChunk],
                                            CallSite site = CallSite::here()) {
  st128(address,
        make_uint4(pack_half2(values[0], values[1]), pack_half2(values[2], values[3]),
                   pack_half2(values[4], values[5]), pack_half2(values[6], values[7])),
        site);
}

__device__ __forceinline__ int smaller(int a, int b) { return a < b ? a : b; }
__device__ __forceinline__ int larger(int a, int b) { return a > b ? a : b; }

// The value as T would store it.
template <class T>
__device__ __forceinline__ float rounded(float value);
template <>
__device__ __forceinline__ float rounded<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ float rounded<Half>(float value) {
  return unpack_half2(pack_half2(value, 0.0f)).x;
}

// kSize floats in shared memory that neighbouring lanes access in neighbouring chunks of 8. A chunk
// is two 16-byte accesses; were it contiguous, each would touch only half of the banks. So the
// first halves of all chunks lie in one plane and the second halves in another, 16 banks away:
//
//   element   0 1 2 3 | 8 9 10 11 | 16 ...   gap of 16   4 5 6 7 | 12 13 14 15 | 20 ...
template <int kSize>
struct ChunkPlanes {
  static_assert(kSize % 64 == 0, "or the planes would not begin 16 banks apart");

  static __device__ __forceinline__ int position(int i) {
    return i / 8 * 4 + i % 4 + (i / 4 % 2 == 0 ? 0 : kPlane);
  }
  __device__ __forceinline__ float& operator[](int i) { return data[position(i)]; }
  // The four elements from `i`, a multiple of 4.
  __device__ __forceinline__ float* quad(int i) { return &data[position(i)]; }

  __device__ __forceinline__ void load_chunk(int i, float (&values)[kChunk],
                                             CallSite site = CallSite::here()) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float4 four = load<float4>(quad(i + 4 * half), site);
      values[4 * half] = four.x;
      values[4 * half + 1] = four.y;
      values[4 * half + 2] = four.z;
      values[4 * half + 3] = four.w;
    }
  }
  __device__ __forceinline__ void store_chunk(int i, const float (&values)[kChunk],
                                              CallSite site = CallSite::here()) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      store(quad(i + 4 * half),
            make_float4(values[4 * half], values[4 * half + 1], values[4 * half + 2],
                        values[4 * half + 3]),
            site);
    }
  }

  static constexpr int kPlane = kSize / 2 + 16;
  SharedArray<float, kPlane + kSize / 2> data;
};

}  // namespace nestor
