#include "kernels/convolution/epilogue.cuh"
#include "kernels/convolution/halo_gemm.cuh"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(HaloTile<kIndex>::kThreads, HaloTile<kIndex>::kBlocks)
    convolution_halo_sm75_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<75, 75>()) {
    using Tile = HaloTile<kIndex>;
    using Warp = HaloWarpTile<Tile, LdmatrixHaloFragments<MmaTwice<MmaF16M16N8K8>>>;
    auto& smem = block_smem<HaloSmem<Tile>>();
    const TilePosition tile = tile_position<Tile>(args);
    Warp warp(args, tile);
    multiply_halo_through_registers(warp, smem, args, tile);
    Epilogue<Tile, WholeChunks<Half>, Warp>(args, smem.slab(), tile.row, tile.column, tile.group)
        .run(warp);
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus convolution_halo_sm75(const ImplicitGemmArgs& args, int tile, GridSize grid,
                                   Stream stream) {
  return with_tile<ConvolutionEngine::kTuring, ConvolutionForm::kHalo>(tile, [&](auto index) {
    using Tile = HaloTile<decltype(index)::kTile>;
    constexpr int kSharedBytes = sizeof(HaloSmem<Tile>);
    constexpr int kMultiprocessorBytes = 64 * 1024;
    const LaunchConfig config{Tile::kRow.name, grid, Tile::kThreads, kSharedBytes,
                              carveout_percent(Tile::kBlocks * kSharedBytes, kMultiprocessorBytes)};
    return launch(convolution_halo_sm75_kernel<decltype(index)::kTile>, config, stream, args);
  });
}

}  // namespace nestor
