#pragma once
// Kernels whose threads each make one chunk of 8 elements of dst and know nothing of each other.
//
//   pointwise_chunk()  the chunk of this thread, which may lie beyond the last one
//   pointwise_config() as many threads as there are chunks, 256 a block
//
// Chunks are counted in 32 bits: divisions of 64 bits would be most of such a kernel.

#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"

namespace nestor {

constexpr int kPointwiseThreads = 256;

__device__ __forceinline__ unsigned pointwise_chunk() {
  return blockIdx.x * kPointwiseThreads + threadIdx.x;
}

// False if there is nothing to do or too much to count.
inline bool pointwise_config(const char* name, std::int64_t num_chunks, LaunchConfig& config) {
  const std::int64_t blocks = (num_chunks + kPointwiseThreads - 1) / kPointwiseThreads;
  config = {name, {static_cast<unsigned>(blocks)}, kPointwiseThreads};
  return blocks > 0 && blocks <= INT32_MAX / kPointwiseThreads;
}

}  // namespace nestor
