// Convolution on Turing's tensor cores: the main loop of sm70/convolution.cu with ldmatrix and
// pairs of m16n8k8.
//
//   dst[m][k] = act( bias[k] + residual[m][k]
//                  + sum_{channel,tap} src[pixel(m, tap)][channel] * weight[k][channel][tap] )
//
//       m = (n * p + y) * q + x, in each group
//
//   src [n][h][w][c] half, weight packed halves (packed_weight.h), dst [n][p][q][k] half, sums fp32
//   grid (tiles of k in all groups, tiles of m, splits of K); block 4 warps; a warp 64x64 of dst as
//   4x8 products of 16x8, or 64x32, 32x32; a slice is 2 steps of 16 channels
//
//   shared memory   two stages of (kM + kN) * 64 bytes, at most 32 KB of Turing's 64
//
// Preconditions: convolution_supports(). Sums in fp32 of exact products, rounded once to half. Not
// timed, and no tiles of its own: Turing is served, not tuned for.
#include "kernels/convolution/gemm/epilogue.cuh"
#include "kernels/convolution/gemm/implicit_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(ImplicitGemmTile<kIndex>::kThreads,
                                  ImplicitGemmTile<kIndex>::kBlocks)
    convolution_sm75_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<75, 75>()) {
    using Tile = ImplicitGemmTile<kIndex>;
    using Warp = WarpTile<Tile, LdmatrixFragments<MmaTwice<MmaF16M16N8K8>>>;
    auto& smem = block_smem<ImplicitGemmSmem<Tile>>();
    if (is_in_use<Tile>(args)) {
      const TilePosition tile = tile_position<Tile>(args);
      Warp warp;
      multiply_through_registers(warp, smem, args, tile);
      Epilogue<Tile, WholeChunks<Half>, Warp>(args, smem.slab(), tile.row, tile.column, tile.group)
          .run(warp);
    }
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus convolution_sm75(const ImplicitGemmArgs& args, DeviceDType, int tile, GridSize grid,
                              Stream stream) {
  return launch_tile<MmaFamily::kTuring, ConvolutionForm::kPlain, ImplicitGemmTile,
                     ImplicitGemmSmem>(args, tile, grid, stream, [](auto index) {
    return convolution_sm75_kernel<decltype(index)::kTile>;
  });
}

}  // namespace nestor
