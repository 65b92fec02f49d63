// Fully connected layer.
//
//   dst[n,k] = act(bias[k] + sum_c weight[k,c] * src[n,c])
//
//   grid   (k / 16, n / 4)
//   block  4 warps, each with its own 4 outputs of the same 4 images
//   warp   a lane takes chunk lane, lane + 32, ... of 8 channels of the 4 rows of weights and the 4
//          vectors, 16 products of chunks; then 16 sums over the warp in a fixed order
//
//            images 0 1 2 3
//   outputs 0  .  .  .  .       weights come from DRAM once for each 4 images, vectors from L2 once
//           1  .  .  .  .       for each 4 outputs
//           2  .  .  .  .
//           3  .  .  .  .
//
// No shared memory. float32 sums; an output's bits depend on its row and its vector only. Rows and
// vectors beyond the end are read from the last one and not stored; a block of vectors that are not
// in use ends at once. Needs c in chunks of 8.
// For ResNeSt's head (2048 -> 1000) the weights are 4 MB; not measured yet.
#include "kernels/dense/dense.h"
#include "kernels/device/activation.cuh"
#include "kernels/device/counted_rows.cuh"
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"
#include "kernels/device/warp.cuh"

namespace nestor {
namespace {

struct Tile {
  static constexpr int kOutputs = 4, kImages = kDenseImages;  // of a warp
  static constexpr int kWarps = kDenseThreads / kWarpSize;
  // On a multiprocessor: left to itself, ptxas aims at more on sm_75 and spills.
  static constexpr int kBlocksAtOnce = 4;
  static_assert(kWarps * kOutputs == kDenseOutputs, "the block's outputs");
  static_assert(kOutputs * kImages <= kWarpSize, "a lane stores one sum at most");
};

// Rows `first` ... of a matrix of `num_rows`, the last one again beyond the end.
template <int kRows, class T>
__device__ __forceinline__ void row_pointers(const T* matrix, int first, int num_rows, int row,
                                             const T* (&rows)[kRows]) {
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    rows[i] = matrix + static_cast<std::int64_t>(smaller(first + i, num_rows - 1)) * row;
  }
}

using Sums = float[Tile::kOutputs][Tile::kImages];

// The lane's share of the products.
template <class T>
__device__ __forceinline__ void multiply(const DenseArgs& args, int first_output, int first_image,
                                         Sums& sums) {
  const T* weight[Tile::kOutputs];
  const float* src[Tile::kImages];
  row_pointers(static_cast<const T*>(args.weight), first_output, args.k, args.c, weight);
  row_pointers(args.src, first_image, args.n, args.c, src);
  for (int c = lane_idx() * kChunk; c < args.c; c += kWarpSize * kChunk) {
    float weights[Tile::kOutputs][kChunk];
#pragma unroll
    for (int k = 0; k < Tile::kOutputs; ++k) load_chunk(weight[k] + c, weights[k]);
#pragma unroll
    for (int n = 0; n < Tile::kImages; ++n) {
      float values[kChunk];
      load_chunk(src[n] + c, values);
#pragma unroll
      for (int k = 0; k < Tile::kOutputs; ++k) {
#pragma unroll
        for (int i = 0; i < kChunk; ++i) sums[k][n] += weights[k][i] * values[i];
      }
    }
  }
}

__device__ __forceinline__ void store_outputs(const DenseArgs& args, int first_output,
                                              int first_image, const Sums& sums) {
  // Lane 4 k + n keeps the sum of output k and image n.
  float mine = 0;
#pragma unroll
  for (int k = 0; k < Tile::kOutputs; ++k) {
#pragma unroll
    for (int n = 0; n < Tile::kImages; ++n) {
      const float sum = warp_sum(sums[k][n]);
      mine = lane_idx() == k * Tile::kImages + n ? sum : mine;
    }
  }
  const int output = first_output + lane_idx() / Tile::kImages;
  const int image = first_image + lane_idx() % Tile::kImages;
  if (lane_idx() < Tile::kOutputs * Tile::kImages && output < args.k && image < args.n) {
    float result[1] = {args.bias[output] + mine};
    activate(args.activation, result);
    args.dst[static_cast<std::int64_t>(image) * args.k + output] = result[0];
  }
}

template <class T>
__global__ void __launch_bounds__(kDenseThreads, Tile::kBlocksAtOnce)
    dense_kernel(const __grid_constant__ DenseArgs args) {
  const int first_output =
      (static_cast<int>(blockIdx.x) * Tile::kWarps + warp_idx()) * Tile::kOutputs;
  const int first_image = static_cast<int>(blockIdx.y) * Tile::kImages;
  const int last_image = smaller(first_image + Tile::kImages, args.n) - 1;
  if (any_in_use(args.rows, first_image, last_image)) {
    Sums sums = {};
    multiply<T>(args, first_output, first_image, sums);
    store_outputs(args, first_output, first_image, sums);
  }
}

}  // namespace

DeviceStatus dense(const DenseArgs& args, Stream stream) {
  if (args.n < 1 || args.k < 1 || args.c < kChunk || args.c % kChunk != 0 ||
      args.rows.per_image < 1) {
    return {DeviceCode::kInvalidArgument, "dense: an extent is not possible"};
  }
  const LaunchConfig config{"dense",
                            {static_cast<unsigned>((args.k - 1) / kDenseOutputs + 1),
                             static_cast<unsigned>((args.n - 1) / kDenseImages + 1)},
                            kDenseThreads};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(dense_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
