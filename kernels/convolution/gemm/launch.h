#pragma once
// How the families launch their kernels: a tile becomes a template argument. Internal to
// kernels/convolution. Plain C++.

#include "kernels/convolution/gemm/families.h"

namespace nestor {

// Percent, at most 100.
constexpr int carveout_percent(int bytes, int of_bytes) {
  return bytes >= of_bytes ? 100 : (100 * bytes + of_bytes - 1) / of_bytes;
}

// How much of a multiprocessor's shared memory a tile's blocks want together; L1 has the rest. -1:
// as the driver likes.
constexpr int tile_carveout(MmaFamily family, int bytes) {
  const int of_kb = family_row(family).carveout_kb;
  return of_kb == kDriversCarveout ? -1 : carveout_percent(bytes, of_kb * 1024);
}

template <class Tile, class Smem>
LaunchConfig tile_config(const char* name, GridSize grid) {
  constexpr int kSharedBytes = sizeof(Smem);
  return {name, grid, Tile::kThreads, kSharedBytes,
          tile_carveout(Tile::kRow.family, Tile::kBlocks * kSharedBytes)};
}

template <int kIndex>
struct TileIndex {
  static constexpr int kTile = kIndex;
};

// run(TileIndex<tile>()), compiled for the tiles of a family and form.
template <MmaFamily kFamily, ConvolutionForm kForm, int kIndex = 0, class Run>
DeviceStatus with_tile(int tile, const Run& run) {
  if constexpr (kIndex == kNumConvolutionTiles) {
    return refused("convolution: not a tile of this family");
  } else {
    if constexpr (kConvolutionTiles[kIndex].family == kFamily &&
                  kConvolutionTiles[kIndex].form() == kForm) {
      if (tile == kIndex) return run(TileIndex<kIndex>());
    }
    return with_tile<kFamily, kForm, kIndex + 1>(tile, run);
  }
}

// The launch wrapper of plain and halo kernels: kernel_of(TileIndex<tile>()) is the kernel.
template <MmaFamily kFamily, ConvolutionForm kForm, template <int> class Tile,
          template <class> class Smem, class KernelOf>
DeviceStatus launch_tile(const ImplicitGemmArgs& args, int tile, GridSize grid, Stream stream,
                         const KernelOf& kernel_of) {
  return with_tile<kFamily, kForm>(tile, [&](auto index) {
    using Sized = Tile<decltype(index)::kTile>;
    const LaunchConfig config = tile_config<Sized, Smem<Sized>>(Sized::kRow.name, grid);
    return launch(kernel_of(index), config, stream, args);
  });
}

template <int kRow>
struct FusedTileIndex {
  static constexpr const char* kName = kFusedConvolutionTiles[kRow].name;
  static constexpr int kTile = kFusedConvolutionTiles[kRow].tile;
  static constexpr SourceKind kSource = kFusedConvolutionTiles[kRow].source;
  static constexpr SourceKind kShortcut = kFusedConvolutionTiles[kRow].shortcut;
  static_assert(kTile >= 0, "a fused tile's row names a tile of its family");
};

// run(FusedTileIndex<row>()), compiled for the rows of a family.
template <MmaFamily kFamily, int kRow = 0, class Run>
DeviceStatus with_fused_tile(const FusedConvolutionTile& row, const Run& run) {
  if constexpr (kRow == kNumFusedConvolutionTiles) {
    return refused("fused_convolution: not a tile of this family");
  } else {
    using Row = FusedTileIndex<kRow>;
    if constexpr (kConvolutionTiles[Row::kTile].family == kFamily) {
      if (row.tile == Row::kTile && row.source == Row::kSource && row.shortcut == Row::kShortcut) {
        return run(Row());
      }
    }
    return with_fused_tile<kFamily, kRow + 1>(row, run);
  }
}

// The launch wrapper of fused kernels: kernel_of(FusedTileIndex<row>()) is the kernel.
template <MmaFamily kFamily, template <int> class Tile, template <class, SourceKind> class Smem,
          class KernelOf>
DeviceStatus launch_fused_tile(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                               GridSize grid, Stream stream, const KernelOf& kernel_of) {
  return with_fused_tile<kFamily>(row, [&](auto index) {
    using Row = decltype(index);
    using Sized = Tile<Row::kTile>;
    const LaunchConfig config = tile_config<Sized, Smem<Sized, Row::kSource>>(Row::kName, grid);
    return launch(kernel_of(index), config, stream, args);
  });
}

}  // namespace nestor
