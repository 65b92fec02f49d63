// Sorting of 64-bit keys by chunks and merges.
//
//   chunks   a block sorts 2048 keys in shared memory (16 KB), bitonically: 66 steps of 1024
//            comparisons. Keys beyond the row's end count as the largest.
//   merges   two runs that lie one behind the other become one: a key's place in the result is its
//            place in its own run plus the number of smaller keys in the other one, found by halving.
//            Of equal keys the first run's come first. Keys behind the `keep`-th are dropped, so
//            that runs stay short.
//
//   run 0 [1 4 9]  run 1 [2 3 7]   ->   [1 2 3 4 7 9]
//
// Not hot: a detector sorts once for proposals and once for detections, a few microseconds a launch.
#include "kernels/device/launch.h"
#include "kernels/device/simt.cuh"
#include "kernels/sort_keys/sort_keys.h"

namespace nestor {
namespace {

constexpr int kSortThreads = 512;
constexpr int kMergeThreads = 256;
constexpr unsigned long long kLargest = ~0ull;

struct Smem {
  SharedArray<unsigned long long, kSortChunk> keys;
};

__global__ void __launch_bounds__(kSortThreads)
    sort_chunks_kernel(const __grid_constant__ SortKeysArgs args) {
  Smem& smem = block_smem<Smem>();
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kSortChunk;
  unsigned long long* const row = args.keys +
                                  static_cast<std::int64_t>(blockIdx.y) *
                                      ((args.count + kSortChunk - 1) / kSortChunk * kSortChunk) +
                                  first;
  for (int i = static_cast<int>(threadIdx.x); i < kSortChunk; i += kSortThreads) {
    smem.keys[i] = first + i < args.count ? row[i] : kLargest;
  }
  __syncthreads();  // all keys are there
  for (int size = 2; size <= kSortChunk; size *= 2) {
    for (int distance = size / 2; distance > 0; distance /= 2) {
      for (int pair = static_cast<int>(threadIdx.x); pair < kSortChunk / 2; pair += kSortThreads) {
        const int a = pair / distance * 2 * distance + pair % distance, b = a + distance;
        const unsigned long long low = smem.keys[a], high = smem.keys[b];
        const bool upwards = (a & size) == 0;
        if ((low > high) == upwards) {
          smem.keys[a] = high;
          smem.keys[b] = low;
        }
      }
      __syncthreads();  // the step is done before the next one compares
    }
  }
  for (int i = static_cast<int>(threadIdx.x); i < kSortChunk; i += kSortThreads) {
    row[i] = smem.keys[i];
  }
}

struct MergeArgs {
  const unsigned long long* src;
  unsigned long long* dst;
  std::int64_t stride, run, keep;
};

// Keys of a sorted run that are smaller than `key`, or not larger.
__device__ __forceinline__ std::int64_t count_before(const unsigned long long* run,
                                                     std::int64_t length, unsigned long long key,
                                                     bool or_equal) {
  std::int64_t low = 0, high = length;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    const bool before = or_equal ? run[middle] <= key : run[middle] < key;
    low = before ? middle + 1 : low;
    high = before ? high : middle;
  }
  return low;
}

__global__ void __launch_bounds__(kMergeThreads)
    merge_runs_kernel(const __grid_constant__ MergeArgs args) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kMergeThreads + threadIdx.x;
  const std::int64_t pair = i / (2 * args.run), within = i % (2 * args.run);
  const bool second = within >= args.run;
  const std::int64_t place = second ? within - args.run : within;
  // Of each run the first `keep` keys are there.
  if (i < args.stride && place < args.keep) {
    const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * args.stride;
    const unsigned long long* const runs = args.src + row + pair * 2 * args.run;
    const std::int64_t rest = args.stride - pair * 2 * args.run;  // of the row
    const std::int64_t length = rest < args.run ? rest : args.run;
    const std::int64_t second_length = rest - length < args.run ? rest - length : args.run;
    const std::int64_t others = second ? length : second_length;
    const std::int64_t known = others < args.keep ? others : args.keep;
    const unsigned long long* const other = second ? runs : runs + args.run;
    const unsigned long long key = runs[within];
    const std::int64_t to = place + count_before(other, known, key, second);
    if (to < args.keep) args.dst[row + pair * 2 * args.run + to] = key;
  }
}

}  // namespace

DeviceStatus sort_keys(const SortKeysArgs& args, Stream stream) {
  const std::int64_t stride = sort_stride(args.count), chunks = stride / kSortChunk;
  if (args.rows < 1 || args.rows > 65535 || args.keep < 1 || args.keep > args.count ||
      stride > INT32_MAX) {
    return {DeviceCode::kInvalidArgument, "sort_keys: an extent is not possible"};
  }
  const LaunchConfig sort{"sort_chunks",
                          {static_cast<unsigned>(chunks), static_cast<unsigned>(args.rows)},
                          kSortThreads,
                          sizeof(Smem)};
  DeviceStatus status = launch(sort_chunks_kernel, sort, stream, args);
  MergeArgs merge{args.keys, args.other, stride, kSortChunk, args.keep};
  const LaunchConfig config{
      "merge_runs",
      {static_cast<unsigned>(stride / kMergeThreads), static_cast<unsigned>(args.rows)},
      kMergeThreads};
  for (; status.code == DeviceCode::kOk && merge.run < args.count; merge.run *= 2) {
    status = launch(merge_runs_kernel, config, stream, merge);
    unsigned long long* const written = merge.dst;
    merge.dst = const_cast<unsigned long long*>(merge.src);
    merge.src = written;
  }
  return status;
}

}  // namespace nestor
