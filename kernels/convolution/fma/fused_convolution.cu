// Fused convolution with fp32 multiply-adds: strict float32.
//
//   dst[m][k] = act(bias[k] + residual[m][k] + sum over c of a[m][c] * weight[k][c]
//                                            + sum over c of b[m][c] * shortcut_weight[k][c])
//
//   a, b as fused_convolution.h says, of src [n][h][w][c] or [n][h][w][2][c] and of shortcut
//   [n][h][w][c], float; weights packed floats (packed_weight.h); dst [n][p][q][k] float
//
//   grid    (tiles of k, tiles of m, splits of K); block, slices and memory as fma/convolution.cu;
//           K is the slices of a, then those of b, by a main loop each
//   a       a thread's four channels are a sum over parts, gate times value by fp32 multiply-adds,
//           parts in the order of their index; gates come through the cache
//
// Preconditions: fused_convolution_supports(). Parts are loaded one after the other with nothing
// but other warps to hide it: this is the variant for comparisons, not for speed.
#include "kernels/convolution/gemm/fma_gemm.cuh"
#include "kernels/convolution/gemm/launch.h"

namespace nestor {
namespace {

using Floats = WholeChunks<float>;

// Sums of kParts parts times gates; see WeightedSource in sources.cuh.
template <class Gates, int kParts>
struct WeightedFmaSource {
  Gates gates;

  template <class Loader>
  __device__ __forceinline__ float4 next(const ImplicitGemmArgs& args, Loader& loader) const {
    const int channel = loader.cursor.channel + loader.first_channel;
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (channel < args.group_channels) {
#pragma unroll 2
      for (int part = 0; part < kParts; ++part) {
        if ((loader.pixel.taps >> (part / Gates::kPartsPerTap) & 1u) == 0) continue;
        const float4 x = load<float4>(
            loader.src + (loader.pixel.offset + args.tap_delta[part] + loader.cursor.channel));
        const float4 gate = gates.of(loader.pixel, channel, part);
        sum.x += gate.x * x.x;
        sum.y += gate.y * x.y;
        sum.z += gate.z * x.z;
        sum.w += gate.w * x.w;
      }
    }
    loader.cursor.channel += Loader::kSlice;
    return sum;
  }
};

// 1 / existing pixels of the window.
struct PoolFmaGates {
  static constexpr int kPartsPerTap = 1;

  __device__ __forceinline__ float4 of(const SourcePixel& pixel, int, int) const {
    const float share = 1.0f / static_cast<float>(__popc(pixel.taps));
    return make_float4(share, share, share, share);
  }
};

// The attention of the row's image.
struct AttentionFmaGates {
  static constexpr int kPartsPerTap = kFusedRadix;
  const float* gates;  // [kFusedRadix][channels] of the thread's row
  int channels;
  float scale;

  __device__ __forceinline__ AttentionFmaGates(const FusedGemmArgs& args, int row)
      : channels(args.first.group_channels), scale(args.gate_scale) {
    const int image = smaller(row, args.first.num_rows - 1) / args.first.pixels;
    gates = args.gates + std::int64_t{image} * kFusedRadix * channels;
  }
  __device__ __forceinline__ float4 of(const SourcePixel&, int channel, int part) const {
    const float4 gate = load<float4>(gates + part % kFusedRadix * channels + channel);
    return make_float4(gate.x * scale, gate.y * scale, gate.z * scale, gate.w * scale);
  }
};

template <SourceKind kKind>
__device__ __forceinline__ auto fma_source(const FusedGemmArgs& args, int row) {
  static_cast<void>(args);
  static_cast<void>(row);
  if constexpr (kKind == SourceKind::kPlain) {
    return PlainFmaSource<Floats>();
  } else if constexpr (kKind == SourceKind::kPool) {
    return WeightedFmaSource<PoolFmaGates, kFusedPoolParts>();
  } else {
    constexpr int kParts = kKind == SourceKind::kAttention ? kFusedRadix : kFusedAvdParts;
    return WeightedFmaSource<AttentionFmaGates, kParts>{AttentionFmaGates(args, row)};
  }
}

template <SourceKind kKind, class Tile>
__device__ __forceinline__ void multiply_source(FmaSums<Tile>& sums, FmaSmem<Tile>& smem,
                                                const FusedGemmArgs& args,
                                                const ImplicitGemmArgs& gemm,
                                                const TilePosition& tile, SliceRange range) {
  const auto source = fma_source<kKind>(args, tile.row + static_cast<int>(threadIdx.x) % Tile::kM);
  FmaLoader<Tile, Floats, decltype(source)> loader(gemm, tile, range.begin, source);
  multiply_by_fma(sums, smem, gemm, range, loader);
}

template <int kIndex, SourceKind kSource, SourceKind kShortcut>
__global__ void __launch_bounds__(FmaTile<kIndex>::kThreads, FmaTile<kIndex>::kBlocks)
    fused_convolution_fma_kernel(const __grid_constant__ FusedGemmArgs args) {
  using Tile = FmaTile<kIndex>;
  auto& smem = block_smem<FmaSmem<Tile>>();
  const TilePosition tile = tile_position<Tile>(args.first);
  const int boundary = args.first.num_slices;
  const SliceRange range = slice_range(boundary + args.second.num_slices);
  FmaSums<Tile> sums;
  if (range.begin < boundary) {  // the same for all threads of a block
    multiply_source<kSource>(sums, smem, args, args.first, tile,
                             SliceRange{range.begin, smaller(range.end, boundary)});
  }
  if constexpr (kShortcut != SourceKind::kNone) {
    if (range.end > boundary) {
      multiply_source<kShortcut>(
          sums, smem, args, args.second, tile,
          SliceRange{larger(range.begin, boundary) - boundary, range.end - boundary});
    }
  }
  Epilogue<Tile, Floats, FmaSums<Tile>>(args.first, smem.memory.begin(), tile.row, tile.column,
                                        tile.group)
      .run(sums);
}

template <class Tile, SourceKind>
using FusedFmaSmem = FmaSmem<Tile>;

}  // namespace

DeviceStatus fused_convolution_fma(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                   GridSize grid, Stream stream) {
  return launch_fused_tile<MmaFamily::kFma, FmaTile, FusedFmaSmem>(
      args, row, grid, stream, [](auto index) {
        using Row = decltype(index);
        return fused_convolution_fma_kernel<Row::kTile, Row::kSource, Row::kShortcut>;
      });
}

}  // namespace nestor
