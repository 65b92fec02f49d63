// Fused convolution on Volta's tensor cores: sm70/convolution.cu with sources that compute.
//
//   dst[m][k] = act(bias[k] + residual[m][k] + sum over c of a[m][c] * weight[k][c]
//                                            + sum over c of b[m][c] * shortcut_weight[k][c])
//
//   a, b as sources.cuh makes them of src [n][h][w][c] or [n][h][w][2][c] and of shortcut
//   [n][h][w][c], half; weights packed halves (packed_weight.h); dst [n][p][q][k] half, sums fp32
//
//   grid    (tiles of k, tiles of m, splits of K); blocks and slices as in sm70/convolution.cu
//   K       slices of a, then slices of b, each by a main loop of its own: between them the
//           pipeline fills once more
//
//     LDG slice i+1 | step 0 | step 1 | step 2, gates | STS slice i+1, barrier, step 3
//
//   shared memory   that of sm70/convolution.cu, and 8 KB of gates
//   registers       128x256: two parts of a are as many as the chunks of b, which pass through
//                   before them: 248 of 255, as the plain kernel
//
// Preconditions: fused_convolution_supports(). a is rounded to half as sources.cuh says.
//
// Main loop by the model of the SASS (V100, 1.53 GHz; not timed): tensor pipe busy, 128x256: 88 %
// of a plain source, 82 % attention, 68-70 % pool, which the path to L2 limits (83 %: four pixels
// for one); 128x128: 91 % plain. 64x128, all limited by the path to L2: 80 % plain, 61 % attention,
// 41 % pool; its loop over the AVD parts is not modelled. Tried and lost: the last parts of a pool
// unrolled, or all four on their way (spills with 128x256).
#include "kernels/convolution/gemm/launch.h"
#include "kernels/convolution/gemm/sources.cuh"

namespace nestor {
namespace {

template <int kIndex, SourceKind kSource, SourceKind kShortcut>
__global__ void __launch_bounds__(ImplicitGemmTile<kIndex>::kThreads,
                                  ImplicitGemmTile<kIndex>::kBlocks)
    fused_convolution_sm70_kernel(const __grid_constant__ FusedGemmArgs args) {
  if constexpr (compiles_for<70, 70>()) {
    using Tile = ImplicitGemmTile<kIndex>;
    using Fragments = VoltaFragments;
    convolve_sources<Tile, Fragments, kSource, kShortcut>(
        args, [](auto&... with) { multiply_through_registers(with...); });
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus fused_convolution_sm70(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                    GridSize grid, Stream stream) {
  return launch_fused_tile<MmaFamily::kVolta, ImplicitGemmTile, FusedSmem>(
      args, row, grid, stream, [](auto index) {
        using Row = decltype(index);
        return fused_convolution_sm70_kernel<Row::kTile, Row::kSource, Row::kShortcut>;
      });
}

}  // namespace nestor
