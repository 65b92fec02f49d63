#pragma once
// Copies from global to shared memory that run beside the thread (cp.async, sm_80 and newer).
//
// A thread issues copies, closes them into a group with async_copy_commit(), and waits with
// async_copy_wait<N>() until at most N of its latest groups are still on their way. Other threads
// see the data after a barrier that follows the wait.

#include "kernels/device/simt.cuh"

namespace nestor {

namespace async_copy_internal {

#if !NESTOR_SIMT
__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}
#endif

}  // namespace async_copy_internal

// 16 bytes; the first `num_bytes` come from `global`, the others become zero. `global` must be a
// valid address even with 0 bytes. Past L1 (.cg).
__device__ __forceinline__ void async_copy_16(void* shared, const void* global, int num_bytes,
                                              CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::async_copy_16(shared, global, num_bytes, site);
#elif NESTOR_SM >= 80
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   async_copy_internal::shared_address(shared)),
               "l"(global), "r"(num_bytes)
               : "memory");
#else
  __trap();
#endif
}

// The same through L1 (.ca), for data that is read several times, such as the taps of a 3x3.
__device__ __forceinline__ void async_copy_16_cached(void* shared, const void* global,
                                                     int num_bytes,
                                                     CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::async_copy_16(shared, global, num_bytes, site);
#elif NESTOR_SM >= 80
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;" ::"r"(
                   async_copy_internal::shared_address(shared)),
               "l"(global), "r"(num_bytes)
               : "memory");
#else
  __trap();
#endif
}

// Commit once in each iteration, even without copies, so that wait counts iterations.
__device__ __forceinline__ void async_copy_commit(CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::async_copy_commit(site);
#elif NESTOR_SM >= 80
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  __trap();
#endif
}

template <int kNumGroups>
__device__ __forceinline__ void async_copy_wait(CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::async_copy_wait(kNumGroups, site);
#elif NESTOR_SM >= 80
  asm volatile("cp.async.wait_group %0;" ::"n"(kNumGroups) : "memory");
#else
  __trap();
#endif
}

}  // namespace nestor
