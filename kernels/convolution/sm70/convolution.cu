// Convolution on Volta's tensor cores: m8n8k4, slices of K through registers.
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
//   block   4 or 8 warps; a warp 64x64 of dst as 4x4 products of 16x16, or 64x32, 32x64, 32x32.
//           Where rows are few, 2 or 4 warps take the same 64x64 and different steps of a slice.
//   slice   32 channels of a tap, 4 steps of 8 (implicit_gemm.cuh has the picture):
//
//     LDG slice i+1 | step 0 | step 1 | step 2 | STS slice i+1, barrier, step 3
//                     each step loads the next one's fragments first, then 2 kM kN / 256 mma
//
//   shared memory   two stages of (kM + kN) * 64 bytes: 32 KB for 128x128. The epilogue's slab lies
//                   over them. No bank conflicts (tests/kernels/convolution_test.cpp counts them).
//   registers       64x64 warps: 128 sums, 64 fragments, 16 staged, rest addresses: 248 of 255, so
//                   two blocks of 128 threads. Warps of 64x32 have one set of fragments: 168, three
//
// Preconditions: convolution_supports(). Sums in fp32 of exact products, rounded once to half.
//
// Main loop by the model of the SASS (V100, 1.53 GHz; not timed): tensor pipe busy 90 % with
// 128x128, 84 % 256x128, 88 % 128x256, 76 % 128x64, 78 % 64x128, 81 % 128x64_k2, 61 % 64x64 and
// 64x64_k4, 49 % 128x32; from 128x64 down the path to L2 limits. Tried and lost: all products of
// one k4 before those of the next (86 % with 128x128), a and b staged at the same time (spills).
#include "kernels/convolution/gemm/epilogue.cuh"
#include "kernels/convolution/gemm/implicit_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(ImplicitGemmTile<kIndex>::kThreads,
                                  ImplicitGemmTile<kIndex>::kBlocks)
    convolution_sm70_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<70, 70>()) {
    using Tile = ImplicitGemmTile<kIndex>;
    using Warp = WarpTile<Tile, VoltaFragments>;
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

DeviceStatus convolution_sm70(const ImplicitGemmArgs& args, DeviceDType, int tile, GridSize grid,
                              Stream stream) {
  return launch_tile<MmaFamily::kVolta, ConvolutionForm::kPlain, ImplicitGemmTile,
                     ImplicitGemmSmem>(args, tile, grid, stream, [](auto index) {
    return convolution_sm70_kernel<decltype(index)::kTile>;
  });
}

}  // namespace nestor
