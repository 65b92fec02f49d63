#pragma once
// Convolution (engine/ops/convolution/convolution.h) with a fused epilogue, as implicit GEMM.
//
//   dst[n,p,q,k] = act( bias[k] + residual[n,p,q,k]
//                     + sum_{r,s,c} src[n, y, x, g*C/G + c] * weight[k,c,r,s] )
//
//       y = p*stride - above + r*dilation,  x = q*stride - left + s*dilation,  g = k / (K/G)
//
// Tensors are NHWC. A pixel's channels are padded to a multiple of 8, and that padding holds zeros:
// it is read, and written as zero where bias and residual are zero there. Pointers are aligned to
// 16 bytes. Sums are fp32.
//
// Which tile and how many parts K is split into is the caller's choice: convolution_supports()
// says what is possible. Neither changes the order of K within a part, so tiles of one family,
// plain or halo, give the same bits if neither blocks nor warps split K.

#include <cstddef>
#include <cstdint>

#include "kernels/convolution/tiles.h"
#include "kernels/device/activation.h"
#include "kernels/device/counted_rows.h"
#include "kernels/device/storage.h"
#include "kernels/runtime/runtime.h"

namespace nestor {

struct ConvolutionShape {
  int n = 0, h = 0, w = 0, c = 0, k = 0;
  int r = 1, s = 1, stride = 1, pad = 0, dilation = 1, groups = 1;
  bool same = false;  // TensorFlow's padding instead of pad: p = ceil(h / stride), q likewise

  // Zeros before src and after it along an axis, and those before: half of them, rounded down.
  constexpr int zeros(int size, int taps) const {
    const int needed = (size - 1) / stride * stride + dilation * (taps - 1) + 1 - size;
    return !same ? 2 * pad : needed > 0 ? needed : 0;
  }
  constexpr int above() const { return zeros(h, r) / 2; }
  constexpr int left() const { return zeros(w, s) / 2; }

  constexpr int p() const { return (h + zeros(h, r) - dilation * (r - 1) - 1) / stride + 1; }
  constexpr int q() const { return (w + zeros(w, s) - dilation * (s - 1) - 1) / stride + 1; }
  constexpr std::int64_t num_rows() const { return std::int64_t{n} * p() * q(); }
};

// A tile of kConvolutionTiles, and into how many parts of about equal length K is split.
struct ConvolutionChoice {
  int tile = 0;
  int splits = 1;
};

struct ConvolutionArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of src, residual and dst
  ConvolutionShape shape;
  ConvolutionChoice choice;
  const void* src = nullptr;       // [n][h][w][c]
  const void* weight = nullptr;    // by pack_weight() of packed_weight.h, for the tile's family
  const float* bias = nullptr;     // [k] padded with zeros to a multiple of 8; null: none
  const void* residual = nullptr;  // [n][p][q][k]; null: none. May be dst.
  void* dst = nullptr;             // [n][p][q][k]
  Activation activation = Activation::kNone;
  // The shape's n may be regions of images, of which some are in use: tiles without a pixel of any
  // of them end at once and leave dst as it is. Not with pooled sums.
  CountedRows items;
  // Pooled sums of dst as kernels/split_attention/split_attention.h describes them: fp32
  // [n][parts * slots][k / parts], where parts is the radix, tile_rows the tile's m, and slots
  // pooled_slots(p * q, tile_rows). Sums of the stored elements. Null: not wanted.
  float* pooled = nullptr;
  int pooled_parts = 1, pooled_slots = 0;
  // With splits > 1: scratch of convolution_workspace_bytes(), and convolution_num_counters() zeros
  // that are zero again at the end. Counters must not be shared with what may run at the same time,
  // nor lie in memory that others write in between; after a launch that was broken off they have to
  // be zeroed.
  float* workspace = nullptr;
  unsigned* counters = nullptr;
};

// Asynchronous, one launch.
DeviceStatus convolution(const ConvolutionArgs& args, Stream stream);

// --- what can be asked for, in plain arithmetic -------------------------------------------------

constexpr int kMaxConvolutionTaps = 25;

constexpr int padded_channels(int channels) { return (channels + 7) / 8 * 8; }
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// How the channels of a convolution are laid out as a GEMM. Families with tensor cores take padding
// for channels.
struct ConvolutionGemm {
  int src_pitch, dst_pitch;  // channels of a pixel
  int group_channels;        // of src in a group
  int group_columns;         // of dst in a group
  int max_columns;           // the last group's, with padding
  int num_slices;            // steps of K: (slice of channels, tap), taps inside
  int packed_rows;           // of a group's packed weight
};

constexpr ConvolutionGemm convolution_gemm(const ConvolutionShape& shape, MmaFamily family) {
  const MmaFamilyRow& row = family_row(family);
  const int c = row.tensor_cores ? padded_channels(shape.c) : shape.c;
  const int k = row.tensor_cores ? padded_channels(shape.k) : shape.k;
  ConvolutionGemm gemm{};
  gemm.src_pitch = padded_channels(shape.c);
  gemm.dst_pitch = padded_channels(shape.k);
  gemm.group_channels = c / shape.groups;
  gemm.group_columns = k / shape.groups;
  gemm.max_columns = gemm.group_columns + gemm.dst_pitch - k;
  gemm.num_slices = ceil_div(gemm.group_channels, row.slice) * shape.r * shape.s;
  gemm.packed_rows = ceil_div(gemm.max_columns, row.row_multiple) * row.row_multiple;
  return gemm;
}

// Pixels of src that the pixels of dst in a halo tile and their neighbours span.
constexpr std::int64_t halo_patch(const ConvolutionShape& shape, const ConvolutionTile& tile) {
  return tile.m + 2 * std::int64_t{shape.dilation} * (shape.w + 1);
}

// Halo tiles take 3x3 convolutions whose dst has the pixels of src, if the patch fits.
constexpr bool form_supports(const ConvolutionShape& shape, const ConvolutionTile& tile) {
  return tile.form() == ConvolutionForm::kPlain ||
         (shape.r == 3 && shape.s == 3 && shape.stride == 1 && shape.above() == shape.dilation &&
          shape.left() == shape.dilation && halo_patch(shape, tile) <= tile.patch);
}

// Whether the launcher takes it, on any device.
constexpr bool convolution_supports(const ConvolutionShape& shape, DeviceDType dtype,
                                    ConvolutionChoice choice) {
  if (choice.tile < 0 || choice.tile >= kNumConvolutionTiles) return false;
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  const bool fma = !family_row(tile.family).tensor_cores;
  if (shape.n < 1 || shape.c < 1 || shape.k < 1 || shape.r < 1 || shape.s < 1 || shape.stride < 1 ||
      shape.pad < 0 || shape.dilation < 1 || shape.groups < 1 || shape.c % shape.groups != 0 ||
      shape.k % shape.groups != 0 ||
      shape.h + shape.zeros(shape.h, shape.r) < shape.dilation * (shape.r - 1) + 1 ||
      shape.w + shape.zeros(shape.w, shape.s) < shape.dilation * (shape.s - 1) + 1) {
    return false;
  }
  const ConvolutionGemm gemm = convolution_gemm(shape, tile.family);
  // Offsets are 32-bit numbers of elements, one image beyond the end included.
  const std::int64_t src_elements = std::int64_t{shape.n + 1} *
                                    (shape.h + shape.zeros(shape.h, shape.r)) *
                                    (shape.w + shape.zeros(shape.w, shape.s)) * gemm.src_pitch;
  const std::int64_t weight_elements =
      std::int64_t{shape.groups} * gemm.num_slices * gemm.packed_rows * tile.slice();
  const std::int64_t dst_elements = shape.num_rows() * gemm.dst_pitch;
  constexpr std::int64_t kMaxElements = (std::int64_t{1} << 31) - 1;
  constexpr std::int64_t kMaxTilesM = 65535;
  return (fma || (dtype == DeviceDType::kFloat16 &&
                  (shape.groups == 1 ||
                   (shape.c / shape.groups % 8 == 0 && shape.k / shape.groups % 8 == 0)))) &&
         form_supports(shape, tile) && shape.r * shape.s <= kMaxConvolutionTaps &&
         gemm.packed_rows % tile.n == 0 && src_elements <= kMaxElements &&
         weight_elements <= kMaxElements && dst_elements <= kMaxElements &&
         (shape.num_rows() + tile.m - 1) / tile.m <= kMaxTilesM && choice.splits >= 1 &&
         choice.splits <= gemm.num_slices && choice.splits <= 64;
}

struct ConvolutionGrid {
  int tiles_n, tiles_m, splits;  // tiles_n of all groups, the fastest
};
constexpr ConvolutionGrid convolution_grid(const ConvolutionShape& shape,
                                           ConvolutionChoice choice) {
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  const ConvolutionGemm gemm = convolution_gemm(shape, tile.family);
  return {ceil_div(gemm.max_columns, tile.n) * shape.groups,
          static_cast<int>((shape.num_rows() + tile.m - 1) / tile.m), choice.splits};
}

constexpr std::size_t convolution_workspace_bytes(const ConvolutionShape& shape,
                                                  ConvolutionChoice choice) {
  if (choice.splits == 1) return 0;
  const ConvolutionGrid grid = convolution_grid(shape, choice);
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  return sizeof(float) * choice.splits * grid.tiles_m * grid.tiles_n * tile.m * tile.n;
}

constexpr int convolution_num_counters(const ConvolutionShape& shape, ConvolutionChoice choice) {
  if (choice.splits == 1) return 0;
  const ConvolutionGrid grid = convolution_grid(shape, choice);
  return grid.tiles_m * grid.tiles_n;
}

}  // namespace nestor
