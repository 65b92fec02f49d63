#pragma once
// The split-attention tail of a block (engine/ops/split_attention/split_attention.h) in one launch,
// and the pooled sums that it begins with.
//
// --- Pooled sums: what a producer hands to split_attention --------------------------------------
//
// float sums [n][num_parts * slots_per_part][width]
//
// The sum over the slots of image i is, for each channel c < width, the sum of the stored elements
// src[i, y, x, r * width + c] over all pixels and all radix parts r. Slots are added in order, so
// the same slots give the same bits.
//
// * A convolution whose tiles run over the pixels of the whole batch (row m = (i * h + y) * w + x,
//   tile t = rows [t * tile_rows, (t + 1) * tile_rows)) sets num_parts = radix, since the radix
//   parts are different groups and so different tiles. Tile t writes for each image i of which it
//   has rows the sums of just those rows to slot
//       r * slots_per_part + (t - first tile of image i),   first tile = i * h * w / tile_rows,
//   with slots_per_part = pooled_slots(h * w, tile_rows). Rows past the batch's end add nothing.
//   Slots that an image does not reach stay unwritten; split_attention does not read them.
//   Where h * w is no multiple of tile_rows, an image's bits depend on its place in the batch.
// * A producer whose tiles never hold rows of two images sets tile_rows = 0 and writes every slot.
//   Its sums depend on the image alone. pooled_sums() below is one: num_parts = 1.
//
// All is asynchronous, in the stream's order, and allocates nothing.

#include <cstdint>
#include <numeric>

#include "kernels/device/storage.h"

namespace nestor {

// The most tiles of `tile_rows` rows that an image of `pixels` pixels can touch. An image begins at
// a multiple of the common divisor within its first tile.
constexpr int pooled_slots(int pixels, int tile_rows) {
  return (tile_rows - std::gcd(pixels, tile_rows) + pixels - 1) / tile_rows + 1;
}

// The tiles that image i touches, of which the first is the one of its slot 0.
struct PooledTiles {
  std::int64_t first;
  int count;
};
constexpr PooledTiles pooled_tiles(int image, int pixels, int tile_rows) {
  const std::int64_t begin = static_cast<std::int64_t>(image) * pixels;
  const std::int64_t first = begin / tile_rows;
  return {first, static_cast<int>((begin + pixels - 1) / tile_rows - first) + 1};
}

// Pooled sums by a launch of their own, if no convolution delivers them.
struct PooledSumsArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;  // [n][pixels][radix * width]
  float* sums = nullptr;      // [n][slots][width], slots = ceil(pixels / pixels_per_slot)
  int n = 0, pixels = 0;
  int width = 0;  // a multiple of 8
  int radix = 1;
  int pixels_per_slot = 0;
};
DeviceStatus pooled_sums(const PooledSumsArgs& args, Stream stream);

// Every cardinal group has `hidden` hidden channels, padded to a multiple of 8: with rows of zeros
// in fc1_weight, zeros in fc1_bias and columns of zeros in fc2_weight. Weights are stored as dtype.
struct SplitAttentionArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;         // [n][h][w][radix * width]
  const float* sums = nullptr;       // pooled sums of src, see above
  const void* fc1_weight = nullptr;  // [cardinality * hidden][width / cardinality]
  const float* fc1_bias = nullptr;   // [cardinality * hidden]
  const void* fc2_weight = nullptr;  // [cardinality][radix][width / cardinality][hidden]
  const float* fc2_bias = nullptr;   // [cardinality][radix][width / cardinality]
  void* dst = nullptr;               // [n][p][q][width]; null: gates only
  float* gates = nullptr;            // [n][radix * width]; null: not wanted
  int n = 0, h = 0, w = 0;
  int width = 0;  // width / cardinality is a multiple of 8; at most kMaxSplitAttentionWidth
  int radix = 2;  // 1 to 4
  int cardinality = 1;
  int hidden = 0;
  // Slots of the pooled sums.
  int num_parts = 1, slots_per_part = 1, tile_rows = 0;
  // AVD: a 3x3 average with padding 1 of this stride behind the sum, p = (h - 1) / stride + 1; 0
  // for none.
  int pool_stride = 0;
  // A block computes this part of an image; see split_attention_tuning.h. Results do not depend on
  // it.
  int channels_per_block = 64;     // a multiple of 8, times radix at most kMaxSplitAttentionGates
  int pixels_per_block = 1 << 30;  // of dst
};
DeviceStatus split_attention(const SplitAttentionArgs& args, Stream stream);

constexpr int kMaxSplitAttentionWidth = 1024;
constexpr int kMaxSplitAttentionHidden = 1024;  // of all cardinal groups
constexpr int kMaxSplitAttentionGates = 1024;

}  // namespace nestor
