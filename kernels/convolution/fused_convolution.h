#pragma once
// A 1x1 convolution (engine/ops/fused_convolution/fused_convolution.h) that computes what it reads
// while it loads it, and can add that of a shortcut: one GEMM whose K is the source's channels,
// then the shortcut's.
//
//   dst[n,p,q,k] = act( bias[k] + residual[n,p,q,k] + sum_c a[n,p,q,c] * weight[k,c]
//                                                   + sum_c b[n,p,q,c] * shortcut_weight[k,c] )
//
//   a, b: src at every stride-th pixel; the average of those pixels of a window that exist; or
//         sum_r gates[n,r,c] * src[n,p,q,r,c], also behind a 3x3 average that counts zeros around
//         the image (AVD)
//
// Tensors, alignment and padding as in convolution.h. Sums of products are fp32; a and b are
// rounded to dtype before they are multiplied, in steps that sources.cuh lists.

#include "kernels/convolution/convolution.h"

namespace nestor {

inline constexpr int kFusedRadix = 2;      // radix parts of attention
inline constexpr int kFusedPoolParts = 4;  // pixels of a pool's window
inline constexpr int kFusedAvdParts = 9 * kFusedRadix;

// What is read by a fused convolution; c = 0: nothing.
struct ConvolutionSource {
  int h = 0, w = 0;  // of src
  int c = 0;         // channels that are multiplied: those of one radix part
  int stride = 1;
  int window = 1;      // 2: an average of 2x2 pixels, of those that exist; 3: AVD, behind attention
  int pad = 0;         // 1 with window 3, else 0
  bool gated = false;  // src has kFusedRadix parts of c channels, weighted by gates
};

struct FusedConvolutionShape {
  int n = 0, p = 0, q = 0, k = 0;  // of dst
  ConvolutionSource source, shortcut;

  // The 1x1 convolution of each, for packed_weight.h.
  constexpr ConvolutionShape gemm(const ConvolutionSource& of) const { return {n, p, q, of.c, k}; }
};

struct FusedConvolutionArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of src, shortcut, residual and dst
  FusedConvolutionShape shape;
  ConvolutionChoice choice;
  const void* src = nullptr;              // [n][h][w][c], or [n][h][w][2][c] if gated
  const void* weight = nullptr;           // by pack_weight() for shape.gemm(shape.source)
  const void* shortcut = nullptr;         // likewise, of shape.shortcut
  const void* shortcut_weight = nullptr;  //
  const float* gates = nullptr;           // [n][2][c]
  const float* bias = nullptr;            // [k] padded with zeros to a multiple of 8; null: none
  const void* residual = nullptr;         // [n][p][q][k]; null: none. May be dst.
  void* dst = nullptr;                    // [n][p][q][k]
  Activation activation = Activation::kNone;
  float* workspace = nullptr;    // with splits > 1, as in ConvolutionArgs
  unsigned* counters = nullptr;  //
};

// Asynchronous, one launch.
DeviceStatus fused_convolution(const FusedConvolutionArgs& args, Stream stream);

// --- what can be asked for, in plain arithmetic -------------------------------------------------

// The kind of one source; kNone if there is none, or none of these.
constexpr SourceKind source_kind(const ConvolutionSource& source) {
  if (source.c == 0) return SourceKind::kNone;
  if (source.window == 1 && source.pad == 0) {
    return !source.gated        ? SourceKind::kPlain
           : source.stride == 1 ? SourceKind::kAttention
                                : SourceKind::kNone;
  }
  if (source.window == 2 && source.pad == 0 && !source.gated) return SourceKind::kPool;
  if (source.window == 3 && source.pad == 1 && source.gated) return SourceKind::kAttentionPool;
  return SourceKind::kNone;
}

// The row of the tile for what the shape loads; null if it is not compiled for that.
constexpr const FusedConvolutionTile* fused_tile(const FusedConvolutionShape& shape, int tile) {
  const SourceKind source = source_kind(shape.source), shortcut = source_kind(shape.shortcut);
  if (shortcut == SourceKind::kNone && shape.shortcut.c > 0) return nullptr;
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    if (row.tile == tile && row.source == source && row.shortcut == shortcut) return &row;
  }
  return nullptr;
}

// Gates in shared memory, as halves: see sources.cuh.
inline constexpr int kGateHalves = 4096;
constexpr int gate_part_pitch(int channels) { return (channels + 31) / 32 * 32; }
constexpr int gate_image_pitch(int channels) {
  return kFusedRadix * gate_part_pitch(channels) + 32;
}
// The most images that a tile can hold rows of.
constexpr int images_of_tile(int n, int pixels, int tile_rows) {
  const int images = (tile_rows + pixels - 2) / pixels + 1;
  return images < n ? images : n;
}

constexpr int fused_num_slices(const FusedConvolutionShape& shape, MmaFamily family) {
  const int first = convolution_gemm(shape.gemm(shape.source), family).num_slices;
  return shape.shortcut.c == 0
             ? first
             : first + convolution_gemm(shape.gemm(shape.shortcut), family).num_slices;
}

// Whether a source is one whose last pixel's window begins within src, padding included.
constexpr bool source_fits(const FusedConvolutionShape& shape, const ConvolutionSource& source) {
  const std::int64_t channels = std::int64_t{source.gated ? kFusedRadix : 1} * source.c;
  const std::int64_t elements =
      std::int64_t{shape.n + 1} * (source.h + 2) * (source.w + 2) * channels;
  return source.h >= 1 && source.w >= 1 && source.c >= 1 && source.c % 8 == 0 &&
         source.stride >= 1 && elements < (std::int64_t{1} << 31) &&
         (shape.p - 1) * source.stride - source.pad < source.h &&
         (shape.q - 1) * source.stride - source.pad < source.w;
}

// Whether the launcher takes it, on any device.
constexpr bool fused_convolution_supports(const FusedConvolutionShape& shape, DeviceDType dtype,
                                          ConvolutionChoice choice) {
  if (choice.tile < 0 || choice.tile >= kNumConvolutionTiles ||
      fused_tile(shape, choice.tile) == nullptr) {
    return false;
  }
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  const bool fma = !family_row(tile.family).tensor_cores;
  const bool gates_fit =
      fma || !shape.source.gated ||
      images_of_tile(shape.n, shape.p * shape.q, tile.m) * gate_image_pitch(shape.source.c) <=
          kGateHalves;
  return (dtype == DeviceDType::kFloat32) == fma && shape.k % 8 == 0 && gates_fit &&
         convolution_supports(shape.gemm(shape.source), dtype, {choice.tile, 1}) &&
         source_fits(shape, shape.source) &&
         (shape.shortcut.c == 0 ||
          (source_fits(shape, shape.shortcut) &&
           convolution_supports(shape.gemm(shape.shortcut), dtype, {choice.tile, 1}))) &&
         choice.splits >= 1 && choice.splits <= fused_num_slices(shape, tile.family) &&
         choice.splits <= 64;
}

// Shared memory of a block.
constexpr int fused_shared_bytes(const FusedConvolutionShape& shape, const ConvolutionTile& tile) {
  const bool gates = shape.source.gated && family_row(tile.family).tensor_cores;
  return tile.memory_bytes() + (gates ? kGateHalves * 2 : 0);
}

}  // namespace nestor
