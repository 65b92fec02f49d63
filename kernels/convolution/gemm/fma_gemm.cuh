#pragma once
// Steps that the kernels with fp32 multiply-adds share: what a thread loads of a slice, its sums,
// the main loop. fma/convolution.cu has the picture. How a thread's four values of A come into
// being is a policy of the loader, the source, as in implicit_gemm.cuh.

#include "kernels/convolution/gemm/epilogue.cuh"
#include "kernels/convolution/gemm/implicit_gemm.cuh"

namespace nestor {

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
struct FmaSmem {
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

// Four values as they lie in src.
template <class Chunks>
struct PlainFmaSource {
  template <class Loader>
  __device__ __forceinline__ float4 next(const ImplicitGemmArgs& args, Loader& loader) const {
    const int count = args.group_channels - loader.cursor.channel - loader.first_channel;
    float4 four = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (count > 0 && (loader.pixel.taps >> loader.cursor.tap & 1u) != 0) {
      const int offset =
          loader.pixel.offset + args.tap_delta[loader.cursor.tap] + loader.cursor.channel;
      four = load_four(Chunks(), loader.src + offset, count);
    }
    loader.cursor.next(args, Loader::kSlice);
    return four;
  }
};

// What a thread loads of each slice.
template <class Tile, class Chunks, class Source>
struct FmaLoader {
  using T = typename Chunks::Element;
  static constexpr int kSlice = Tile::kSlice;
  const Source& source;
  const T* src;         // of the thread's first channel in the group
  const float* weight;  // of the thread's four in the next slice
  SourcePixel pixel;
  SliceCursor cursor;
  int first_channel;
  float4 a, b;

  __device__ __forceinline__ FmaLoader(const ImplicitGemmArgs& args, const TilePosition& tile,
                                       int slice, const Source& of)
      : source(of), cursor(args, slice, Tile::kSlice) {
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
    a = source.next(args, *this);
    b = load<float4>(weight);
    weight += Tile::kSlice * args.packed_rows;
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

// The range is not empty.
template <class Tile, class Loader>
__device__ __forceinline__ void multiply_by_fma(FmaSums<Tile>& sums, FmaSmem<Tile>& smem,
                                                const ImplicitGemmArgs& args, SliceRange range,
                                                Loader& loader) {
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
}

}  // namespace nestor
