// Fused convolution on Turing's tensor cores: the main loop of sm70/fused_convolution.cu with
// ldmatrix and pairs of m16n8k8, which says what is computed.
//
//   grid (tiles of k, tiles of m, splits of K); block 4 warps of 64x32
//   shared memory   two stages of 12 KB, and 8 KB of gates: two blocks have Turing's 64 KB
//
// Preconditions: fused_convolution_supports(). Not timed, and not tuned for.
#include "kernels/convolution/gemm/launch.h"
#include "kernels/convolution/gemm/sources.cuh"

namespace nestor {
namespace {

template <int kIndex, SourceKind kSource, SourceKind kShortcut>
__global__ void __launch_bounds__(ImplicitGemmTile<kIndex>::kThreads,
                                  ImplicitGemmTile<kIndex>::kBlocks)
    fused_convolution_sm75_kernel(const __grid_constant__ FusedGemmArgs args) {
  if constexpr (compiles_for<75, 75>()) {
    using Tile = ImplicitGemmTile<kIndex>;
    using Fragments = LdmatrixFragments<MmaTwice<MmaF16M16N8K8>>;
    convolve_sources<Tile, Fragments, kSource, kShortcut>(
        args, [](auto&... with) { multiply_through_registers(with...); });
  } else {
    wrong_architecture();
  }
}

}  // namespace

DeviceStatus fused_convolution_sm75(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                    GridSize grid, Stream stream) {
  return launch_fused_tile<MmaFamily::kTuring, ImplicitGemmTile, FusedSmem>(
      args, row, grid, stream, [](auto index) {
        using Row = decltype(index);
        return fused_convolution_sm75_kernel<Row::kTile, Row::kSource, Row::kShortcut>;
      });
}

}  // namespace nestor
