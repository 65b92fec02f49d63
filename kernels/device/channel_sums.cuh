#pragma once
// Sums over pixels, channel by channel: the step that global_average_pool and pooled_sums share.
//
// A block of 256 threads sums up to 32 chunks of 8 channels. Thread t takes chunk t % chunks of
// every (256 / chunks)th pixel; the sums of equal chunks then meet in shared memory and are added
// in the order of their threads. The order depends on the number of chunks only.

#include "kernels/device/storage.cuh"

namespace nestor {

constexpr int kChannelSumThreads = 256;
constexpr int kMaxChannelSumChunks = 32;

struct ChannelSumSmem {
  ChunkPlanes<kChannelSumThreads * kChunk> partial;
};

// Adds chunk `chunk` of each of `radix` parts, `radix_stride` elements apart, of the pixels
// [begin, end) of src, `pixel_stride` elements apart. `result(channel, sum)` is called for each
// channel of the block's chunks, by one thread each.
template <class T, class Result>
__device__ __forceinline__ void block_channel_sums(const T* src, int begin, int end,
                                                   std::int64_t pixel_stride, int radix,
                                                   std::int64_t radix_stride, int num_chunks,
                                                   ChannelSumSmem& smem, const Result& result) {
  const int thread = static_cast<int>(threadIdx.x);
  const int chunk = thread % num_chunks;
  const int group = thread / num_chunks;
  const int num_groups = kChannelSumThreads / num_chunks;
  float sums[kChunk] = {};
  if (group < num_groups) {
#pragma unroll 2
    for (int pixel = begin + group; pixel < end; pixel += num_groups) {
      const T* const row = src + pixel * pixel_stride + chunk * kChunk;
      for (int r = 0; r < radix; ++r) {
        float values[kChunk];
        load_chunk(row + r * radix_stride, values);
#pragma unroll
        for (int i = 0; i < kChunk; ++i) sums[i] += values[i];
      }
    }
  }
  smem.partial.store_chunk(thread * kChunk, sums);
  __syncthreads();  // all threads' sums are written before they are added
  if (thread < num_chunks * kChunk) {
    float sum = 0;
    for (int g = 0; g < num_groups; ++g) {
      sum += smem.partial[g * num_chunks * kChunk + thread];
    }
    result(thread, sum);
  }
}

}  // namespace nestor
