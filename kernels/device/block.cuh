#pragma once
// What the threads of a block do together, beside __syncthreads().

#include "kernels/device/warp.cuh"

namespace nestor {

// Barriers 1 to 15 of a block, each for whole warps, `num_threads` in all. barrier_sync waits for
// the others; barrier_arrive only tells them. Barrier 0 is __syncthreads().
__device__ __forceinline__ void barrier_sync(int barrier, int num_threads,
                                             CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::named_barrier(barrier, num_threads, /*wait=*/true, "barrier_sync", site);
#else
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(num_threads) : "memory");
#endif
}

__device__ __forceinline__ void barrier_arrive(int barrier, int num_threads,
                                               CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::named_barrier(barrier, num_threads, /*wait=*/false, "barrier_arrive", site);
#else
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(num_threads) : "memory");
#endif
}

// The sum over a block of kNumWarps warps, on all threads: within each warp, then over warps by
// index. `partial` is scratch that the caller may use again after its next barrier.
template <int kNumWarps>
__device__ __forceinline__ float block_sum(float value, SharedArray<float, kNumWarps>& partial,
                                           CallSite site = CallSite::here()) {
  value = warp_sum(value, site);
  if (lane_idx() == 0) {
    partial[warp_idx()] = value;
  }
  __syncthreads();  // all partial sums are written before any thread adds them
  float sum = partial[0];
#pragma unroll
  for (int warp = 1; warp < kNumWarps; ++warp) {
    sum += partial[warp];
  }
  return sum;
}

}  // namespace nestor
