// Convolution on the tensor cores of Ampere and newer: m16n8k16, slices of K by cp.async.
//
//   dst[m][k] = act( bias[k] + residual[m][k]
//                  + sum_{channel,tap} src[pixel(m, tap)][channel] * weight[k][channel][tap] )
//
//       m = (n * p + y) * q + x, in each group
//
//   src [n][h][w][c] half, weight packed halves (packed_weight.h), dst [n][p][q][k] half, sums fp32
//
//   grid    (tiles of k in all groups, tiles of m, splits of K): tiles of k are the fastest, so that
//           blocks that run together share rows of src in L2
//   block   4 or 8 warps; a warp 64x64 of dst as 4x8 products of 16x8, or 64x32, 32x64, 32x32
//   slice   32 channels of a tap, 2 steps of 16 (implicit_gemm.cuh has the picture). Chunks of
//           pixels that do not exist are copied as zeros.
//
//     wait for slice i, barrier | copy slice i + stages - 1 | step 0 | step 1
//
//   shared memory   3 or 4 stages of (kM + kN) * 64 bytes, at most 96 KB, which sm_86 and 89 have.
//                   The epilogue's slab lies over them. No bank conflicts.
//   registers       64x64 warps: 128 sums, 64 fragments, rest addresses: 243
//
// Preconditions: convolution_supports(). Sums in fp32 of exact products, rounded once to half.
//
// Main loop by the model of the SASS (not timed), TFLOP/s on A100 / H100: 128x256 213 / 367,
// 256x128 210 / 359, 128x128 204 / 353, 128x64 182 / 235, 64x128 178 / 235, 64x64 and 64x64_k2 136
// / 176, 128x32 109 / 141. mma.sync cannot use all of an H100: that takes wgmma, a kernel of its
// own.
#include "kernels/convolution/gemm/epilogue.cuh"
#include "kernels/convolution/gemm/implicit_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(ImplicitGemmTile<kIndex>::kThreads,
                                  ImplicitGemmTile<kIndex>::kBlocks)
    convolution_sm80_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<80, 90>()) {
    using Tile = ImplicitGemmTile<kIndex>;
    using Warp = WarpTile<Tile, LdmatrixFragments<MmaF16M16N8K16>>;
    auto& smem = block_smem<ImplicitGemmSmem<Tile>>();
    if (is_in_use<Tile>(args)) {
      const TilePosition tile = tile_position<Tile>(args);
      Warp warp;
      multiply_through_copies(warp, smem, args, tile);
      Epilogue<Tile, WholeChunks<Half>, Warp>(args, smem.slab(), tile.row, tile.column, tile.group)
          .run(warp);
    }
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus convolution_sm80(const ImplicitGemmArgs& args, DeviceDType, int tile, GridSize grid,
                              Stream stream) {
  return launch_tile<MmaFamily::kAmpere, ConvolutionForm::kPlain, ImplicitGemmTile,
                     ImplicitGemmSmem>(args, tile, grid, stream, [](auto index) {
    return convolution_sm80_kernel<decltype(index)::kTile>;
  });
}

}  // namespace nestor
