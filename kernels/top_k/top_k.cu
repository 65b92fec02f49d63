// Top k by k rounds of a maximum.
//
//   grid   n
//   block  256 threads; in each round a thread finds the largest of its classes (thread, thread +
//          256, ...) that comes after the last winner, then warps and the block take the largest
//
// A class is one 64-bit key: the logit's bits in the order of numbers above, the class's complement
// below. All keys differ, so the order is total and the result exact. Shared memory 0.1 KB.
// 1000 logits are read from L1 k times: a microsecond; not measured yet.
// Not hot: no plan has it.
#include "kernels/device/launch.h"
#include "kernels/device/warp.cuh"
#include "kernels/top_k/top_k.h"

namespace nestor {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;

using Key = unsigned long long;

struct Smem {
  SharedArray<Key, kWarps> best;
};

// Larger numbers have larger keys; -0 and 0 are equal, NaN is 0.
__device__ __forceinline__ Key key_of(float logit, int class_idx) {
  const unsigned bits = __float_as_uint(logit + 0.0f);
  const unsigned ordered = logit != logit ? 0 : bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
  return static_cast<Key>(ordered) << 32 | ~static_cast<unsigned>(class_idx);
}

__device__ __forceinline__ Key larger_key(Key a, Key b) { return a > b ? a : b; }

__global__ void __launch_bounds__(kThreads) top_k_kernel(const __grid_constant__ TopKArgs args) {
  Smem& smem = block_smem<Smem>();
  const std::int64_t image = blockIdx.x;
  const float* const logits = args.logits + image * args.num_classes;  // [num_classes]
  Key last = ~Key{0};  // what has won already is this or larger
  for (int round = 0; round < args.k; ++round) {
    Key best = 0;
    for (int i = static_cast<int>(threadIdx.x); i < args.num_classes; i += kThreads) {
      const Key key = key_of(logits[i], i);
      best = key < last ? larger_key(best, key) : best;
    }
#pragma unroll
    for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
      best = larger_key(best, warp_shuffle_xor(best, distance));
    }
    if (lane_idx() == 0) smem.best[warp_idx()] = best;
    __syncthreads();  // the warps' best are written before all threads read them
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) best = larger_key(best, smem.best[warp]);
    __syncthreads();  // all have read before the next round writes
    last = best;
    if (threadIdx.x == 0) {
      const int winner = static_cast<int>(~static_cast<unsigned>(best));
      args.values[image * args.k + round] = logits[winner];
      args.classes[image * args.k + round] = winner;
    }
  }
}

}  // namespace

DeviceStatus top_k(const TopKArgs& args, Stream stream) {
  if (args.n < 1 || args.k < 1 || args.k > kMaxTopK || args.k > args.num_classes) {
    return {DeviceCode::kInvalidArgument, "top_k: k is not 1 to 8 or more than the classes"};
  }
  const LaunchConfig config{"top_k", {static_cast<unsigned>(args.n)}, kThreads, sizeof(Smem)};
  return launch(top_k_kernel, config, stream, args);
}

}  // namespace nestor
