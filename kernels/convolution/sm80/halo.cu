// The halo form of the 3x3 convolution on the tensor cores of Ampere and newer: m16n8k16, and of
// every slice of 32 channels the pixels of a tile and their neighbours once for all nine taps, by
// cp.async.
//
//   dst[m][k] = act(bias[k] + residual[m][k] + sum over (channel, tap) of
//                   src[m + tap's distance][channel] * weight[k][channel][tap])
//                                                        m = (n * h + y) * w + x, in each group
//
//   src [n][h][w][c] half, weight packed halves (packed_weight.h), dst [n][h][w][k] half, sums fp32
//
//   grid    (tiles of k in all groups, tiles of m, splits of K), as sm80/convolution.cu
//   block   2 or 4 warps; a warp 64x64 of dst as 4x8 products of 16x8, or 32x32
//   slice   32 channels of a tap, 2 steps of 16 (halo_gemm.cuh has the picture):
//
//     wait for slice i, barrier | copy weights of slice i + stages - 1 | step 0 | step 1
//     and at a slice's first tap: copy the patch of the next channels
//
//   shared memory   two patches of 64 bytes a pixel, 3 or 4 stages of weights of 64 kN bytes:
//                   34 to 74 KB. The epilogue's slab lies over them. No bank conflicts.
//   registers       64x64 warps: 128 sums, 64 fragments, rest addresses: 219 to 236
//
// Preconditions: convolution_supports(). Sums in fp32 of exact products, rounded once to half: the
// bits of the plain form.
//
// Main loop within nine taps by the model of the SASS (not timed), TFLOP/s on A100 / H100: 256x64
// 288 / 473, 128x64 288 / 450, 128x32 231 / 345; the plain form reaches 213 / 367 with any tile,
// and 182 / 235 with 128x64. Tried and lost: 128x64 with warps of 64x32 (237 / 357), 128x32 with
// two warps that split K (207 / 312).
#include "kernels/convolution/gemm/halo_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(HaloTile<kIndex>::kThreads, HaloTile<kIndex>::kBlocks)
    convolution_halo_sm80_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<80, 90>()) {
    using Fragments = LdmatrixHaloFragments<MmaF16M16N8K16>;
    convolve_halo<HaloTile<kIndex>, Fragments>(
        args, [](auto&... with) { multiply_halo_through_copies(with...); });
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus convolution_halo_sm80(const ImplicitGemmArgs& args, DeviceDType, int tile,
                                   GridSize grid, Stream stream) {
  return launch_tile<MmaFamily::kAmpere, ConvolutionForm::kHalo, HaloTile, HaloSmem>(
      args, tile, grid, stream,
      [](auto index) { return convolution_halo_sm80_kernel<decltype(index)::kTile>; });
}

}  // namespace nestor
