#pragma once
// What convolution() gives to the kernels: a convolution as an implicit GEMM. Internal to this
// folder. Plain C++.

#include "kernels/convolution/convolution.h"
#include "kernels/device/launch.h"

namespace nestor {

struct ImplicitGemmArgs {
  const void* src;       // [n][h][w][src_pitch]
  const void* weight;    // packed_weight.h
  const float* bias;     // [dst_pitch] or null
  const void* residual;  // [num_rows][dst_pitch] or null
  void* dst;             // [num_rows][dst_pitch]
  float* pooled;         // [n][parts][pooled_slots][pooled_width] or null
  float* workspace;      // [splits][tile][kM][kN]
  unsigned* counters;    // [tile]
  int num_rows, pixels;  // of all images, and of one
  int h, w, q;
  int r, s, stride, pad, dilation, num_taps;
  int src_pitch, dst_pitch;
  int group_channels, group_columns, max_columns, num_groups, tiles_per_group;
  int num_slices, packed_rows;
  int pooled_width, pooled_parts, pooled_slots;
  bool relu;
  int tap_delta[kMaxConvolutionTaps];  // elements from tap 0
};

// The launchers of each engine.
DeviceStatus convolution_sm70(const ImplicitGemmArgs& args, int tile, GridSize grid, Stream stream);
DeviceStatus convolution_sm75(const ImplicitGemmArgs& args, int tile, GridSize grid, Stream stream);
DeviceStatus convolution_sm80(const ImplicitGemmArgs& args, int tile, GridSize grid, Stream stream);
DeviceStatus convolution_halo_sm70(const ImplicitGemmArgs& args, int tile, GridSize grid,
                                   Stream stream);
DeviceStatus convolution_halo_sm75(const ImplicitGemmArgs& args, int tile, GridSize grid,
                                   Stream stream);
DeviceStatus convolution_halo_sm80(const ImplicitGemmArgs& args, int tile, GridSize grid,
                                   Stream stream);
DeviceStatus convolution_fma(const ImplicitGemmArgs& args, DeviceDType dtype, int tile,
                             GridSize grid, Stream stream);

// Percent, at most 100.
constexpr int carveout_percent(int bytes, int of_bytes) {
  return bytes >= of_bytes ? 100 : (100 * bytes + of_bytes - 1) / of_bytes;
}

// How much of a multiprocessor's shared memory a tile's blocks want together; L1 has the rest. -1:
// as the driver likes.
constexpr int tile_carveout(ConvolutionEngine engine, int bytes) {
  switch (engine) {
    case ConvolutionEngine::kVolta: return carveout_percent(bytes, 96 * 1024);
    case ConvolutionEngine::kTuring: return carveout_percent(bytes, 64 * 1024);
    case ConvolutionEngine::kAmpere: return 100;
    case ConvolutionEngine::kFma: break;
  }
  return -1;
}

template <class Tile, class Smem>
LaunchConfig tile_config(const char* name, GridSize grid) {
  constexpr int kSharedBytes = sizeof(Smem);
  return {name, grid, Tile::kThreads, kSharedBytes,
          tile_carveout(Tile::kRow.engine, Tile::kBlocks * kSharedBytes)};
}

inline GridSize grid_size(const ConvolutionGrid& blocks) {
  return {static_cast<unsigned>(blocks.tiles_n), static_cast<unsigned>(blocks.tiles_m),
          static_cast<unsigned>(blocks.splits)};
}

inline DeviceStatus refused(const char* why) { return {DeviceCode::kInvalidArgument, why}; }

template <int kIndex>
struct TileIndex {
  static constexpr int kTile = kIndex;
};

// run(TileIndex<tile>()), compiled for the tiles of an engine and form.
template <ConvolutionEngine kEngine, ConvolutionForm kForm = ConvolutionForm::kPlain,
          int kIndex = 0, class Run>
DeviceStatus with_tile(int tile, const Run& run) {
  if constexpr (kIndex == kNumConvolutionTiles) {
    return {DeviceCode::kInvalidArgument, "convolution: not a tile of this engine"};
  } else {
    if constexpr (kConvolutionTiles[kIndex].engine == kEngine &&
                  kConvolutionTiles[kIndex].form() == kForm) {
      if (tile == kIndex) return run(TileIndex<kIndex>());
    }
    return with_tile<kEngine, kForm, kIndex + 1>(tile, run);
  }
}

}  // namespace nestor
