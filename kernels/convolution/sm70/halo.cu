// The halo form of the 3x3 convolution on Volta's tensor cores: m8n8k4, and of every slice of 32
// channels the pixels of a tile and their neighbours once for all nine taps.
//
//   dst[m][k] = act(bias[k] + residual[m][k] + sum over (channel, tap) of
//                   src[m + tap's distance][channel] * weight[k][channel][tap])
//                                                        m = (n * h + y) * w + x, in each group
//
//   src [n][h][w][c] half, weight packed halves (packed_weight.h), dst [n][h][w][k] half, sums fp32
//
//   grid    (tiles of k in all groups, tiles of m, splits of K), as sm70/convolution.cu
//   block   2 or 4 warps; a warp 64x64 of dst as 4x4 products of 16x16, or 64x32, 32x32. Where
//           tiles are few, 2 warps take the same 64 rows and different steps of a slice.
//   slice   32 channels of a tap, 4 steps of 8 (halo_gemm.cuh has the picture):
//
//     LDG weights i+1 | step 0 | step 1 | step 2 | STS weights i+1, barrier, step 3
//     and if slice i+1 has other channels, before step 3: LDG and STS the patch, barrier
//
//   shared memory   one patch of 64 bytes a pixel, two stages of weights of 64 kN bytes: 48 KB for
//                   128x128 and 256x64, 24 KB for 128x64. Room for images as wide as kernels can
//                   have two blocks with (184 pixels) or four (56). The epilogue's slab lies over
//                   them. No bank conflicts (tests/kernels/convolution_test.cpp counts them).
//   registers       64x64 warps: 128 sums, 64 fragments, 8 to 16 staged weights, rest addresses:
//                   246 to 248 of 255, so two blocks of 128 threads or four of 64
//
// Preconditions: convolution_supports(). Sums in fp32 of exact products, rounded once to half: the
// bits of the plain form if as many warps split K.
//
// Main loop by the model of the SASS (V100, 1.53 GHz; not timed): tensor pipe busy, within nine
// taps / with one round of loads of the next patch, at which that model lets all blocks wait:
// 128x128 93 / 91 %, 256x64 94 / 92 %, 128x64 94 / 91 %, 128x64_k2 86 / 82 %, 128x32 78 / 73 %,
// 128x32_k2 70 / 67 %; in the plain form 92 % at best, and 80 % with 128x64. Tried and lost: eight
// chunks of a patch at a time in the loop, the next patch behind step 3, rows prepared before the
// barrier with 64x64 warps (spills, all three); two sets of fragments for 128x32_k2.
#include "kernels/convolution/gemm/halo_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(HaloTile<kIndex>::kThreads, HaloTile<kIndex>::kBlocks)
    convolution_halo_sm70_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<70, 70>()) {
    using Fragments = VoltaHaloFragments;
    convolve_halo<HaloTile<kIndex>, Fragments>(
        args, [](auto&... with) { multiply_halo_through_registers(with...); });
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus convolution_halo_sm70(const ImplicitGemmArgs& args, DeviceDType, int tile,
                                   GridSize grid, Stream stream) {
  return launch_tile<MmaFamily::kVolta, ConvolutionForm::kHalo, HaloTile, HaloSmem>(
      args, tile, grid, stream,
      [](auto index) { return convolution_halo_sm70_kernel<decltype(index)::kTile>; });
}

}  // namespace nestor
