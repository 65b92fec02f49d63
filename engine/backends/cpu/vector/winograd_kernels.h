#pragma once
// Kernels of Winograd convolution (Lavin and Gray, arXiv 1509.09308) of 3x3 filters with stride 1
// on blocked activations:
//
//   V = B^T d B    of each window d of the source, (tile + 2) x (tile + 2) pixels
//   M = sum_c V U  for each of the (tile + 2)^2 positions by itself: matrix products
//   Y = A^T M A    tile x tile pixels of the result
//
// Interpolation points: 0, 1, -1, infinity for tiles of 2 pixels; 0, 5/8, -5/8, 3/2, -3/2,
// infinity for tiles of 4. Measured, 128 channels, relu(normal) input, rms error over the result's
// standard deviation: direct sum 4.5e-7, tile 2 4.0e-7, tile 4 9.8e-7 (with the usual points 0, 1,
// 2: 2.2e-6). Tiles of 6: 4.6e-6 or worse; deep networks have no room for that.
//
// A window is transformed, and an element of M or Y computed, by the same sequence of operations
// wherever it lies, so results depend neither on the batch nor on how tiles are grouped.
//
// Compiled for several instruction sets as plane_kernels.h says. Activations are stored as float32
// or bfloat16; V, U, M and all arithmetic are float32.

#include <cstdint>

#include "engine/backends/cpu/onednn.h"

namespace nestor::cpu {

// Output channels are computed in slices of two blocks (the last one may be one block).
inline constexpr int kWinogradSlice = 2;

// Where the tiles of a batch of images lie. Tiles are numbered by image, row, column.
struct WinogradMap {
  std::int64_t h = 0, w = 0;          // of src
  std::int64_t out_h = 0, out_w = 0;  // of dst
  std::int64_t tile_rows = 0, tile_cols = 0;
  std::int64_t src_blocks = 0, dst_blocks = 0;  // of an image, all groups
  int pad = 0;
};

struct WinogradTiles {
  std::int64_t first = 0, count = 0;
};

// A matrix for each position: matrix p begins at data + p * stride, its row i at i * row_floats.
struct WinogradMatrices {
  float* data = nullptr;
  std::int64_t stride = 0;
  std::int64_t row_floats = 0;
};

struct WinogradEpilogue {
  const float* bias = nullptr;  // of the slice's first channel; null for none
  bool residual = false;        // add what dst holds
  bool relu = false;
};

struct WinogradKernels {
  int block;  // channels in a vector: 8 or 16
  int tile;   // pixels of the result along a side of a tile: 2 or 4

  // v[position][tile][channel] of the tiles, for `blocks` blocks of channels from `first_block`.
  void (*transform_src)(const WinogradMap& map, const void* src, WinogradTiles tiles,
                        std::int64_t first_block, std::int64_t blocks, const WinogradMatrices& v);

  // m[position][tile][channel of the slice] = sum_c v[position][tile][c] * u[position][c][channel]
  // for a slice of `vectors` blocks. u: as pack_weights made it.
  void (*multiply)(const WinogradMatrices& v, const float* u, std::int64_t tiles,
                   std::int64_t channels, int vectors, const WinogradMatrices& m);

  // The tiles of dst, for `vectors` blocks of channels from `first_block`.
  void (*transform_dst)(const WinogradMap& map, const WinogradMatrices& m, WinogradTiles tiles,
                        std::int64_t first_block, int vectors, const WinogradEpilogue& epilogue,
                        void* dst);

  // u[position][c][channel of the slice] of one slice; weight: [channels of the slice][c][3][3].
  void (*pack_weights)(const float* weight, std::int64_t channels, int vectors, float* u);

  int positions() const { return (tile + 2) * (tile + 2); }
};

// Storage: kFloat32 or kBFloat16; tile: 2 or 4.
const WinogradKernels& winograd_kernels(Isa isa, DType storage, int tile);

}  // namespace nestor::cpu
