// Fused convolution on Turing's tensor cores: the main loop of fused_convolution_sm70.cu with
// ldmatrix and pairs of m16n8k8, which says what is computed.
//
//   grid (tiles of k, tiles of m, splits of K); block 4 warps of 64x32
//   shared memory   two stages of 12 KB, and 8 KB of gates: two blocks have Turing's 64 KB
//
// Preconditions: fused_convolution_supports(). Not timed, and not tuned for.
#include "kernels/convolution/sources.cuh"

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
  return with_fused_tile<ConvolutionEngine::kTuring>(row, [&](auto index) {
    using Row = decltype(index);
    using Tile = ImplicitGemmTile<Row::kTile>;
    const LaunchConfig config = tile_config<Tile, FusedSmem<Tile, Row::kSource>>(Row::kName, grid);
    return launch(fused_convolution_sm75_kernel<Row::kTile, Row::kSource, Row::kShortcut>, config,
                  stream, args);
  });
}

}  // namespace nestor
