#pragma once
// A 3x3 convolution with ReLU and the 3x3 maximum over its result, in one launch: what the deep
// stem ends with. The convolution's result is never in memory.
//
//   y[n,h,w,k]   = half(relu(bias[k] + sum_{r,s,c} src[n, h-1+r, w-1+s, c] * weight[k,c,r,s]))
//   dst[n,p,q,k] = max of y[n, 2p-1+r, 2q-1+s, k] over the pixels that exist,  r, s < 3
//
// Stride 1 and padding 1, then stride 2 and padding 1: dst has (h + 1) / 2 lines of (w + 1) / 2
// pixels. float16 storage, tensor cores, float32 sums. The bits are those of convolution() without
// split-K, followed by pooling().

#include <cstdint>

#include "kernels/device/storage.h"
#include "kernels/runtime/runtime.h"

namespace nestor {

struct ConvolutionMaxPoolArgs {
  int sm = 70;                   // the device's compute capability times 10
  const void* src = nullptr;     // [n][h][w][c] halves
  const void* weight = nullptr;  // by pack_weight() of kernels/convolution, for tensor cores
  const float* bias = nullptr;   // [k]; null: none
  void* dst = nullptr;           // [n][p][q][k] halves
  int n = 0, h = 0, w = 0, c = 0;
  int k = 0;
};

// Asynchronous, one launch.
DeviceStatus convolution_max_pool(const ConvolutionMaxPoolArgs& args, Stream stream);

// --- what can be asked for, in plain arithmetic -------------------------------------------------

// A block computes the pixels of y under lines x columns pixels of dst, as rows of a GEMM, from a
// patch of src in shared memory.
constexpr int kMaxPoolRows = 256, kMaxPoolChannels = 64, kMaxPoolThreads = 128;
constexpr int kMaxPoolPatchPixels = 480;
constexpr int kMaxPoolSharedBytes = kMaxPoolPatchPixels * 64 + 2 * kMaxPoolChannels * 64;
constexpr int kMaxPoolBlocks = 2;  // that a multiprocessor shall hold

struct MaxPoolTile {
  int lines = 0, columns = 0;  // of dst

  constexpr int y_lines() const { return 2 * lines + 1; }
  constexpr int y_columns() const { return 2 * columns + 1; }
  // A line of the patch in shared memory: longer than y's by the two columns that the taps need,
  // and by so much more that a line's end and the next one's beginning fall on different banks.
  constexpr int pitch() const { return y_columns() + 8; }
  constexpr bool fits() const {
    return y_lines() * y_columns() <= kMaxPoolRows &&
           (y_lines() + 2) * pitch() <= kMaxPoolPatchPixels;
  }
  constexpr int tiles(int p, int q) const {
    return ((p - 1) / lines + 1) * ((q - 1) / columns + 1);
  }
};

// The tile that covers p x q pixels of dst with the fewest blocks; of those the smallest.
constexpr MaxPoolTile max_pool_tile(int p, int q) {
  MaxPoolTile best{1, 1};
  for (int lines = 1; MaxPoolTile{lines, 1}.fits() && lines <= p; ++lines) {
    for (int columns = 1; MaxPoolTile{lines, columns}.fits() && columns <= q; ++columns) {
      const MaxPoolTile tile{lines, columns};
      const int more = tile.tiles(p, q) - best.tiles(p, q);
      if (more < 0 ||
          (more == 0 && tile.y_lines() * tile.y_columns() < best.y_lines() * best.y_columns())) {
        best = tile;
      }
    }
  }
  return best;
}

constexpr bool convolution_max_pool_supports(int n, int h, int w, int c, int k) {
  if (n < 1 || h < 1 || w < 1 || c < 32 || c % 32 != 0 || k < kMaxPoolChannels ||
      k % kMaxPoolChannels != 0) {
    return false;
  }
  constexpr std::int64_t kMaxElements = (std::int64_t{1} << 31) - 1;  // offsets are 32-bit
  const std::int64_t pixels = std::int64_t{n} * h * w;
  return pixels * c <= kMaxElements && pixels * k <= kMaxElements &&
         std::int64_t{9} * c * ((k + 127) / 128 * 128) <= kMaxElements;
}

constexpr std::int64_t convolution_max_pool_blocks(int n, int h, int w, int k) {
  const int p = (h - 1) / 2 + 1, q = (w - 1) / 2 + 1;
  return std::int64_t{n} * max_pool_tile(p, q).tiles(p, q) * (k / kMaxPoolChannels);
}

}  // namespace nestor
