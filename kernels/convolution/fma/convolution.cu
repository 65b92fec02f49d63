// Convolution with fp32 multiply-adds: strict float32, and whatever tensor cores do not take.
//
//   dst[m][k] = act( bias[k] + residual[m][k]
//                  + sum_{channel,tap} src[pixel(m, tap)][channel] * weight[k][channel][tap] )
//
//       m = (n * p + y) * q + x, in each group
//
//   src, residual, dst: NHWC, float or half; weight packed floats (packed_weight.h). Groups may
//   have any number of channels: if not a multiple of 8, elements are read and written one by one.
//
//   grid    (tiles of k in all groups, tiles of m, splits of K)
//   block   64x64 of dst, 256 threads of 4x4: thread t has rows 4 (t / 16) .., columns 4 (t % 16) ..
//   slice   16 channels of a tap, two stages, the next one in registers meanwhile
//
//     a [16][64] of src, k-major: thread t loads channels 4 (t / 64) .. + 3 of row t % 64, so that
//                stores meet all banks
//     b [16][64] as packed: thread t copies the 16 bytes at 16 t
//
//   shared memory 16 KB, registers under 128 (2 blocks and 16 warps a multiprocessor)
//
// Sums in fp32, K ascending: relative error a few 1e-7 times the square root of K. For a slice and
// thread 256 FFMA and 32 LDS.128: at most 2/3 of the fp32 peak on sm_70, by shared memory.
#include "kernels/convolution/gemm/fma_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

template <int kIndex, class Chunks>
__global__ void __launch_bounds__(FmaTile<kIndex>::kThreads, FmaTile<kIndex>::kBlocks)
    convolution_fma_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  using Tile = FmaTile<kIndex>;
  auto& smem = block_smem<FmaSmem<Tile>>();
  if (is_in_use<Tile>(args)) {
    const TilePosition tile = tile_position<Tile>(args);
    const SliceRange range = slice_range(args);
    const PlainFmaSource<Chunks> source;
    FmaSums<Tile> sums;
    FmaLoader<Tile, Chunks, PlainFmaSource<Chunks>> loader(args, tile, range.begin, source);
    multiply_by_fma(sums, smem, args, range, loader);
    Epilogue<Tile, Chunks, FmaSums<Tile>>(args, smem.memory.begin(), tile.row, tile.column,
                                          tile.group)
        .run(sums);
  }
}

}  // namespace

DeviceStatus convolution_fma(const ImplicitGemmArgs& args, DeviceDType dtype, int tile,
                             GridSize grid, Stream stream) {
  const bool whole = args.group_channels % 8 == 0 && args.group_columns % 8 == 0;
  return launch_tile<MmaFamily::kFma, ConvolutionForm::kPlain, FmaTile, FmaSmem>(
      args, tile, grid, stream, [&](auto index) {
        constexpr int kIndex = decltype(index)::kTile;
        if (dtype == DeviceDType::kFloat16) {
          return convolution_fma_kernel<kIndex, RaggedChunks<Half>>;
        }
        return whole ? convolution_fma_kernel<kIndex, WholeChunks<float>>
                     : convolution_fma_kernel<kIndex, RaggedChunks<float>>;
      });
}

}  // namespace nestor
