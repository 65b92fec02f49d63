// Fused convolution on the tensor cores of Ampere and newer: sm80/convolution.cu with sources that
// compute. sm70/fused_convolution.cu says what is computed.
//
//   grid    (tiles of k, tiles of m, splits of K); blocks and slices as in sm80/convolution.cu
//   slice   b by cp.async, kStages - 1 slices ahead; a by LDG, arithmetic and STS into the same
//           stage, while the slice before is multiplied
//
//     wait for slice i, barrier | copy b, LDG a of slice i + stages - 1 | step 0 | gates, step 1 |
//     STS a
//
//   shared memory   that of sm80/convolution.cu, and 8 KB of gates if attention weights a
//
// Preconditions: fused_convolution_supports(). a is rounded to half as sources.cuh says. Not timed.
#include "kernels/convolution/gemm/launch.h"
#include "kernels/convolution/gemm/sources.cuh"

namespace nestor {
namespace {

template <int kIndex, SourceKind kSource, SourceKind kShortcut>
__global__ void __launch_bounds__(ImplicitGemmTile<kIndex>::kThreads,
                                  ImplicitGemmTile<kIndex>::kBlocks)
    fused_convolution_sm80_kernel(const __grid_constant__ FusedGemmArgs args) {
  if constexpr (compiles_for<80, 90>()) {
    using Tile = ImplicitGemmTile<kIndex>;
    using Fragments = LdmatrixFragments<MmaF16M16N8K16>;
    convolve_sources<Tile, Fragments, kSource, kShortcut>(
        args, [](auto&... with) { multiply_through_copies_and_registers(with...); });
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus fused_convolution_sm80(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                    GridSize grid, Stream stream) {
  return launch_fused_tile<MmaFamily::kAmpere, ImplicitGemmTile, FusedSmem>(
      args, row, grid, stream, [](auto index) {
        using Row = decltype(index);
        return fused_convolution_sm80_kernel<Row::kTile, Row::kSource, Row::kShortcut>;
      });
}

}  // namespace nestor
