// The halo form of the 3x3 convolution on Turing's tensor cores: the main loop of
// sm70/halo.cu with ldmatrix and pairs of m16n8k8.
//
//   dst[m][k] = act(bias[k] + residual[m][k] + sum over (channel, tap) of
//                   src[m + tap's distance][channel] * weight[k][channel][tap])
//                                                        m = (n * h + y) * w + x, in each group
//
//   src [n][h][w][c] half, weight packed halves (packed_weight.h), dst [n][h][w][k] half, sums fp32
//
//   grid (tiles of k in all groups, tiles of m, splits of K); block 4 warps; a warp 64x32 of dst as
//   4x4 products of 16x8; a slice is 2 steps of 16 channels (halo_gemm.cuh has the picture)
//
//   shared memory   a patch of at most 370 pixels, two stages of weights: 32 KB, two blocks
//
// Preconditions: convolution_supports(). Sums in fp32 of exact products, rounded once to half: the
// bits of the plain form. Not timed, and one tile: Turing is served, not tuned for.
#include "kernels/convolution/gemm/halo_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

template <int kIndex>
__global__ void __launch_bounds__(HaloTile<kIndex>::kThreads, HaloTile<kIndex>::kBlocks)
    convolution_halo_sm75_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  if constexpr (compiles_for<75, 75>()) {
    using Fragments = LdmatrixHaloFragments<MmaTwice<MmaF16M16N8K8>>;
    convolve_halo<HaloTile<kIndex>, Fragments>(
        args, [](auto&... with) { multiply_halo_through_registers(with...); });
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus convolution_halo_sm75(const ImplicitGemmArgs& args, DeviceDType, int tile,
                                   GridSize grid, Stream stream) {
  return launch_tile<MmaFamily::kTuring, ConvolutionForm::kHalo, HaloTile, HaloSmem>(
      args, tile, grid, stream,
      [](auto index) { return convolution_halo_sm75_kernel<decltype(index)::kTile>; });
}

}  // namespace nestor
