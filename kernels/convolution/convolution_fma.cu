// Convolution with fp32 multiply-adds: strict float32, and whatever tensor cores do not take.
//
//   dst[m][k] = act(bias[k] + residual[m][k] + sum over (channel, tap) of src[pixel(m,
//   tap)][channel]
//                   * weight[k][channel][tap])             m = (n * p + y) * q + x, in each group
//
//   src, residual, dst: NHWC, float or half; weight packed floats (packed_weight.h). Groups may
//   have any number of channels: if not a multiple of 8, elements are read and written one by one.
//
//   grid    (tiles of k in all groups, tiles of m, splits of K)
//   block   64x64 of dst, 256 threads of 4x4: thread t has rows 4 (t / 16) .., columns 4 (t % 16)
//   .. slice   16 channels of a tap, two stages, the next one in registers meanwhile
//
//     a [16][64] of src, k-major: thread t loads channels 4 (t / 64) .. + 3 of row t % 64, so that
//                stores meet all banks
//     b [16][64] as packed: thread t copies the 16 bytes at 16 t
//
//   shared memory 16 KB, registers under 128 (2 blocks and 16 warps a multiprocessor)
//
// Sums in fp32, K ascending: relative error a few 1e-7 times the square root of K. For a slice and
// thread 256 FFMA and 32 LDS.128: at most 2/3 of the fp32 peak on sm_70, by shared memory.
#include "kernels/convolution/epilogue.cuh"
#include "kernels/convolution/implicit_gemm.cuh"

namespace nestor {
namespace {

template <int kIndex>
struct FmaTile {
  static constexpr ConvolutionTile kRow = kConvolutionTiles[kIndex];
  static constexpr int kM = kRow.m, kN = kRow.n, kSlice = kRow.slice(), kWarpsK = 1;
  static constexpr int kThreads = kRow.num_threads(), kBlocks = kRow.blocks;
  static constexpr int kSlabRows = kRow.slab_rows;
  static constexpr int kStage = (kM + kN) * kSlice;  // floats
  static_assert(kM == 64 && kN == 64 && kSlice == 16 && kThreads == 256 && kRow.stages == 2,
                "threads are dealt out for these sizes");
  static_assert(2 * kStage * 4 == kRow.memory_bytes(), "the slab is smaller than the stages");
};

template <class Tile>
struct Smem {
  SharedArray<float, 2 * Tile::kStage> memory;  // stages, then the slab
};

// Four channels from `channel` on; those past `num_channels` are zeros.
__device__ __forceinline__ float4 load_four(WholeChunks<float>, const float* address, int) {
  return load<float4>(address);
}
template <class T>
__device__ __forceinline__ float4 load_four(RaggedChunks<T>, const T* address, int count) {
  return make_float4(element_value(address[0]), count > 1 ? element_value(address[1]) : 0.0f,
                     count > 2 ? element_value(address[2]) : 0.0f,
                     count > 3 ? element_value(address[3]) : 0.0f);
}

template <class Tile>
struct FmaSums {
  float sums[4][4];

  __device__ __forceinline__ FmaSums() : sums{} {}

  __device__ __forceinline__ void multiply(const float* a, const float* b) {
    const int thread = static_cast<int>(threadIdx.x);
#pragma unroll
    for (int k = 0; k < Tile::kSlice; ++k) {
      const float4 rows = load<float4>(a + k * Tile::kM + 4 * (thread / 16));
      const float4 columns = load<float4>(b + k * Tile::kN + 4 * (thread % 16));
      add_row(sums[0], rows.x, columns);
      add_row(sums[1], rows.y, columns);
      add_row(sums[2], rows.z, columns);
      add_row(sums[3], rows.w, columns);
    }
  }

  // For the epilogue: threads of the first 32 rows, then the others.
  static constexpr int kSections = 2, kParts = 1;
  static_assert(Tile::kSlabRows == Tile::kM / kSections, "a section is a slab");
  static __device__ __forceinline__ int slab_swizzle(int) { return 0; }
  __device__ __forceinline__ void write_slab(float* slab, int section, int) const {
    const int thread = static_cast<int>(threadIdx.x);
    const int row = 4 * (thread / 16) - section * Tile::kSlabRows;
    if (row >= 0 && row < Tile::kSlabRows) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        store(slab + (row + i) * Tile::kN + 4 * (thread % 16),
              make_float4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]));
      }
    }
  }

 private:
  static __device__ __forceinline__ void add_row(float (&row)[4], float a, float4 b) {
    row[0] += a * b.x;
    row[1] += a * b.y;
    row[2] += a * b.z;
    row[3] += a * b.w;
  }
};

// What a thread loads of each slice.
template <class Tile, class Chunks>
struct FmaLoader {
  using T = typename Chunks::Element;
  const T* src;         // of the thread's first channel in the group
  const float* weight;  // of the thread's four in the next slice
  SourcePixel pixel;
  SliceCursor cursor;
  int first_channel;
  float4 a, b;

  __device__ __forceinline__ FmaLoader(const ImplicitGemmArgs& args, const TilePosition& tile,
                                       int slice)
      : cursor(args, slice, Tile::kSlice) {
    const int thread = static_cast<int>(threadIdx.x);
    first_channel = thread / Tile::kM * 4;
    pixel = source_pixel(args, tile.row + thread % Tile::kM);
    src = static_cast<const T*>(args.src) + tile.group * args.group_channels + first_channel;
    weight =
        static_cast<const float*>(args.weight) +
        ((tile.group * args.num_slices + slice) * Tile::kSlice + thread / 16) * args.packed_rows +
        tile.column + thread % 16 * 4;
  }

  __device__ __forceinline__ void next(const ImplicitGemmArgs& args) {
    const int count = args.group_channels - cursor.channel - first_channel;
    a = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (count > 0 && (pixel.taps >> cursor.tap & 1u) != 0) {
      const int offset = pixel.offset + args.tap_delta[cursor.tap] + cursor.channel;
      a = load_four(Chunks(), src + offset, count);
    }
    b = load<float4>(weight);
    weight += Tile::kSlice * args.packed_rows;
    cursor.next(args, Tile::kSlice);
  }

  __device__ __forceinline__ void store_stage(float* stage) const {
    const int thread = static_cast<int>(threadIdx.x);
    float* column = stage + first_channel * Tile::kM + thread % Tile::kM;
    column[0] = a.x;
    column[Tile::kM] = a.y;
    column[2 * Tile::kM] = a.z;
    column[3 * Tile::kM] = a.w;
    store(stage + Tile::kM * Tile::kSlice + 4 * thread, b);
  }
};

template <int kIndex, class Chunks>
__global__ void __launch_bounds__(FmaTile<kIndex>::kThreads, FmaTile<kIndex>::kBlocks)
    convolution_fma_kernel(const __grid_constant__ ImplicitGemmArgs args) {
  using Tile = FmaTile<kIndex>;
  auto& smem = block_smem<Smem<Tile>>();
  const TilePosition tile = tile_position<Tile>(args);
  const SliceRange range = slice_range(args);
  FmaSums<Tile> sums;
  FmaLoader<Tile, Chunks> loader(args, tile, range.begin);
  loader.next(args);
  loader.store_stage(&smem.memory[0]);
  __syncthreads();  // the first slice is stored before it is read
  int stage = 0;
#pragma unroll 1
  for (int slice = range.begin; slice < range.end; ++slice) {
    const bool has_next = slice + 1 < range.end;
    if (has_next) loader.next(args);
    const float* a = &smem.memory[stage * Tile::kStage];  // [16][64]
    sums.multiply(a, a + Tile::kM * Tile::kSlice);
    stage ^= 1;
    if (has_next) loader.store_stage(&smem.memory[stage * Tile::kStage]);
    __syncthreads();  // the next slice is stored, this one is read
  }
  Epilogue<Tile, Chunks, FmaSums<Tile>>(args, smem.memory.begin(), tile.row, tile.column,
                                        tile.group)
      .run(sums);
}

}  // namespace

DeviceStatus convolution_fma(const ImplicitGemmArgs& args, DeviceDType dtype, int tile,
                             GridSize grid, Stream stream) {
  const bool whole = args.group_channels % 8 == 0 && args.group_columns % 8 == 0;
  return with_tile<ConvolutionEngine::kFma>(tile, [&](auto index) {
    constexpr int kIndex = decltype(index)::kTile;
    using Tile = FmaTile<kIndex>;
    const LaunchConfig config{Tile::kRow.name, grid, Tile::kThreads, sizeof(Smem<Tile>)};
    if (dtype == DeviceDType::kFloat16) {
      return launch(convolution_fma_kernel<kIndex, RaggedChunks<Half>>, config, stream, args);
    }
    if (whole)
      return launch(convolution_fma_kernel<kIndex, WholeChunks<float>>, config, stream, args);
    return launch(convolution_fma_kernel<kIndex, RaggedChunks<float>>, config, stream, args);
  });
}

}  // namespace nestor
