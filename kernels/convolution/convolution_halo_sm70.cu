// The halo form of 3x3 convolutions of stride 1 on Volta's tensor cores: m8n8k4, the pixels of a
// tile and their neighbours once for nine taps.
//
//   dst[m][k] = act(bias[k] + residual[m][k] + sum over (channel, tap) of src[m + tap's pixels]
//                   [channel] * weight[k][channel][tap])   m = (n * h + y) * w + x, in each group
//
//   src [n][h][w][c] half, weight packed halves (packed_weight.h), dst [n][h][w][k] half, sums fp32
//
//   grid    (tiles of k in all groups, tiles of m, splits of K), as convolution_sm70.cu
//   block   2 or 4 warps; a warp 64x64 of dst as 4x4 products of 16x16, or 32x32
//   slice   32 channels of a tap, 4 steps of 8 (halo_gemm.cuh has the picture)
//
// Preconditions: convolution_supports(). The bits of the plain form's results.
#include "kernels/convolution/epilogue.cuh"
#include "kernels/convolution/halo_gemm.cuh"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(HaloTile<kIndex>::kThreads, HaloTile<kIndex>::kBlocks)
    convolution_halo_sm70_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<70, 70>()) {
    using Tile = HaloTile<kIndex>;
    using Warp = HaloWarpTile<Tile, VoltaHaloFragments>;
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

DeviceStatus convolution_halo_sm70(const ImplicitGemmArgs& args, int tile, GridSize grid,
                                   Stream stream) {
  return with_tile<ConvolutionEngine::kVolta, ConvolutionForm::kHalo>(tile, [&](auto index) {
    using Tile = HaloTile<decltype(index)::kTile>;
    constexpr int kSharedBytes = sizeof(HaloSmem<Tile>);
    constexpr int kMultiprocessorBytes = 96 * 1024;
    const LaunchConfig config{Tile::kRow.name, grid, Tile::kThreads, kSharedBytes,
                              carveout_percent(Tile::kBlocks * kSharedBytes, kMultiprocessorBytes)};
    return launch(convolution_halo_sm70_kernel<decltype(index)::kTile>, config, stream, args);
  });
}

}  // namespace nestor
