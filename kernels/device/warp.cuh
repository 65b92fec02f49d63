#pragma once
// What the 32 threads of a warp do together. All lanes take part in each of these, so none may be
// called where lanes have gone different ways, and there is no mask to pass.
//
// Shuffles and votes do not order memory: what one lane wrote to shared memory, another may read
// only after warp_sync() or a barrier.

#include "kernels/device/simt.cuh"

namespace nestor {

constexpr int kWarpSize = 32;

// Blocks have one dimension.
__device__ __forceinline__ int lane_idx() { return static_cast<int>(threadIdx.x) % kWarpSize; }
__device__ __forceinline__ int warp_idx() { return static_cast<int>(threadIdx.x) / kWarpSize; }

__device__ __forceinline__ void warp_sync(CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::warp_sync(site);
#else
  __syncwarp();
#endif
}

// The value of lane `source`.
template <class T>
__device__ __forceinline__ T warp_shuffle(T value, int source, CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  return simt::warp_shuffle(value, source & 31, "warp_shuffle", site);
#else
  return __shfl_sync(0xffffffffu, value, source);
#endif
}

// The value of the lane whose index differs in the bits of `mask`.
template <class T>
__device__ __forceinline__ T warp_shuffle_xor(T value, int mask, CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  return simt::warp_shuffle(value, (simt::current_lane() ^ mask) & 31, "warp_shuffle_xor", site);
#else
  return __shfl_xor_sync(0xffffffffu, value, mask);
#endif
}

// The value of the lane `delta` below; the lowest `delta` lanes get their own.
template <class T>
__device__ __forceinline__ T warp_shuffle_up(T value, int delta, CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  const int source = simt::current_lane() - delta;
  return simt::warp_shuffle(value, source < 0 ? simt::current_lane() : source, "warp_shuffle_up",
                            site);
#else
  return __shfl_up_sync(0xffffffffu, value, delta);
#endif
}

// The value of the lane `delta` above; the highest `delta` lanes get their own.
template <class T>
__device__ __forceinline__ T warp_shuffle_down(T value, int delta,
                                               CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  const int source = simt::current_lane() + delta;
  return simt::warp_shuffle(value, source > 31 ? simt::current_lane() : source, "warp_shuffle_down",
                            site);
#else
  return __shfl_down_sync(0xffffffffu, value, delta);
#endif
}

// Bit i is lane i's predicate.
__device__ __forceinline__ std::uint32_t warp_ballot(bool predicate,
                                                     CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  return simt::warp_ballot(predicate, "warp_ballot", site);
#else
  return __ballot_sync(0xffffffffu, predicate);
#endif
}

__device__ __forceinline__ bool warp_any(bool predicate, CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  return simt::warp_ballot(predicate, "warp_any", site) != 0;
#else
  return __any_sync(0xffffffffu, predicate) != 0;
#endif
}

__device__ __forceinline__ bool warp_all(bool predicate, CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  return simt::warp_ballot(predicate, "warp_all", site) == 0xffffffffu;
#else
  return __all_sync(0xffffffffu, predicate) != 0;
#endif
}

// The sum over the warp, on all lanes, always added in the same order (16, 8, 4, 2, 1 apart).
__device__ __forceinline__ float warp_sum(float value, CallSite site = CallSite::here()) {
#pragma unroll
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
    value += warp_shuffle_xor(value, distance, site);
  }
  return value;
}

// The largest value of the warp, on all lanes. NaN is passed on.
__device__ __forceinline__ float warp_max(float value, CallSite site = CallSite::here()) {
#pragma unroll
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
    const float other = warp_shuffle_xor(value, distance, site);
    value = value != value || value > other ? value : other;
  }
  return value;
}

}  // namespace nestor
