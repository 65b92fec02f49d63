#pragma once
// Steps that the convolution kernels share: which pixels a thread loads, slices of K through
// registers or cp.async into shared memory, fragments for the tensor cores, and main loops. How a
// chunk of the panel a comes into being is a policy, the source.
//
//   GEMM       rows m = output pixels of the batch, columns = output channels of a group,
//              K = (slice of 32 channels, tap), taps inside: nine reads of the same 64 bytes of a
//              pixel follow closely and hit L1
//   slice      panels a [kM][32] and b [kN][32] halves; 16-byte chunk c of row m lies at
//              64 m + 16 (c ^ (m / 2 % 4)). Stores of 4 lanes a row, 128-bit loads of 8 consecutive
//              rows and ldmatrix have no bank conflicts. b comes packed as this very image.
//   threads    4 a row, kThreads / 4 rows a pass
//
//        K: 32 channels of a tap             kN
//       +---+---+---+---+            +------+------+
//    kM | c0  c1  c2  c3 |           | warp | warp |   warps_k warps share a warp tile, each
//       |  (c ^ m/2 % 4) |           +------+------+   with its own steps of the slice
//       +---+---+---+---+         kM | warp | warp |
//                                    +------+------+

#include "kernels/convolution/gemm/args.h"
#include "kernels/convolution/tiles.h"
#include "kernels/device/async_copy.cuh"
#include "kernels/device/counted_rows.cuh"
#include "kernels/device/mma.cuh"
#include "kernels/device/vec.cuh"
#include "kernels/device/warp.cuh"

namespace nestor {

// Row kIndex of kConvolutionTiles at compile time.
template <int kIndex>
struct ImplicitGemmTile {
  static constexpr ConvolutionTile kRow = kConvolutionTiles[kIndex];
  static constexpr int kM = kRow.m, kN = kRow.n;
  static constexpr int kWarpM = kRow.warp_m, kWarpN = kRow.warp_n, kWarpsK = kRow.warps_k;
  static constexpr int kWarpsM = kM / kWarpM, kWarpsN = kN / kWarpN;
  static constexpr int kThreads = kRow.num_threads(), kBlocks = kRow.blocks;
  static constexpr int kStages = kRow.stages, kSlabRows = kRow.slab_rows;
  static constexpr int kSlice = 32, kChunks = kSlice / 8;
  static constexpr int kRowsPerPass = kThreads / kChunks;
  static constexpr int kPassesA = kM / kRowsPerPass, kPassesB = kN / kRowsPerPass;
  static constexpr int kPanelA = kM * kSlice, kPanelB = kN * kSlice;  // halves
  static_assert(kM % kRowsPerPass == 0 && kN % kRowsPerPass == 0, "passes are whole");
  static_assert(kWarpM % 32 == 0 && kWarpN % 16 == 0, "warp tiles are whole fragments");
  static_assert(kWarpM % kSlabRows == 0 && kSlabRows % 16 == 0, "a slab is rows of one warp");
  static_assert(kN <= kThreads, "a thread adds a column of pooled sums");
};

template <class Tile>
struct ImplicitGemmSmem {
  SharedArray<std::uint16_t, Tile::kRow.memory_bytes() / 2> memory;  // stages, then the slab

  __device__ __forceinline__ std::uint16_t* panel_a(int stage) {
    return &memory[stage * (Tile::kPanelA + Tile::kPanelB)];
  }
  __device__ __forceinline__ std::uint16_t* panel_b(int stage) {
    return panel_a(stage) + Tile::kPanelA;
  }
  __device__ __forceinline__ float* slab() { return reinterpret_cast<float*>(memory.begin()); }
};

// The block's place in dst. Columns are counted within the group.
struct TilePosition {
  int row, column, group;
};
template <class Tile>
__device__ __forceinline__ TilePosition tile_position(const ImplicitGemmArgs& args) {
  const int tile_n = static_cast<int>(blockIdx.x);
  return {static_cast<int>(blockIdx.y) * Tile::kM, tile_n % args.tiles_per_group * Tile::kN,
          tile_n / args.tiles_per_group};
}

// Whether a pixel of the block's tile belongs to an item in use. Nothing that it computes is kept in
// registers for the main loop.
template <class Tile>
__device__ __forceinline__ bool is_in_use(const ImplicitGemmArgs& args) {
  const int row = opaque(static_cast<int>(blockIdx.y)) * Tile::kM;
  const int last = smaller(row + Tile::kM, opaque(args.num_rows)) - 1;
  return any_in_use(args.items, row, last, opaque(args.pixels));
}

// Where K lies of one block of gridDim.z, in slices.
struct SliceRange {
  int begin, end;
};
__device__ __forceinline__ SliceRange slice_range(int num_slices) {
  const int split = static_cast<int>(blockIdx.z), splits = static_cast<int>(gridDim.z);
  return {num_slices * split / splits, num_slices * (split + 1) / splits};
}
__device__ __forceinline__ SliceRange slice_range(const ImplicitGemmArgs& args) {
  return slice_range(args.num_slices);
}

// A slice of K: channels [channel, channel + size) of a group at one tap.
struct SliceCursor {
  int channel, tap;

  __device__ __forceinline__ SliceCursor(const ImplicitGemmArgs& args, int slice, int size)
      : channel(slice / args.num_taps * size), tap(slice % args.num_taps) {}
  __device__ __forceinline__ void next(const ImplicitGemmArgs& args, int size) {
    if (++tap == args.num_taps) {
      tap = 0;
      channel += size;
    }
  }
};

// The source pixel under tap 0 of output pixel m: its offset in elements (it may lie outside of
// src) and, as bits, which taps fall on pixels that exist. No tap of a row past the last does.
struct SourcePixel {
  int offset;
  std::uint32_t taps;
};
__device__ __forceinline__ SourcePixel source_pixel(const ImplicitGemmArgs& args, int m) {
  const int row = m < args.num_rows ? m : 0;
  const int image = row / args.pixels, pixel = row % args.pixels;
  const int y = pixel / args.q * args.stride - args.above;
  const int x = pixel % args.q * args.stride - args.left;
  std::uint32_t columns = 0, taps = 0;
#pragma unroll 1
  for (int s = 0; s < args.s; ++s) {
    const int column = x + s * args.dilation;
    columns |= static_cast<std::uint32_t>(column >= 0 && column < args.w) << s;
  }
#pragma unroll 1
  for (int r = 0; r < args.r; ++r) {
    const int line = y + r * args.dilation;
    taps |= (line >= 0 && line < args.h ? columns : 0u) << (r * args.s);
  }
  return {((image * args.h + y) * args.w + x) * args.src_pitch, m < args.num_rows ? taps : 0u};
}

// What a thread loads of each slice: chunk threadIdx.x % 4 of rows threadIdx.x / 4 + pass * rows.
// Addresses of pixels that do not exist are not touched, their chunks are zeros.
template <class Tile>
struct SliceLoader {
  const std::uint16_t* src;     // of the thread's chunk in the group's channels
  const std::uint16_t* weight;  // of the thread's first row in the next slice
  SourcePixel pixels[Tile::kPassesA];
  SliceCursor cursor;
  int chunk_channel;

  __device__ __forceinline__ SliceLoader(const ImplicitGemmArgs& args, const TilePosition& tile,
                                         int first_slice)
      : cursor(args, first_slice, Tile::kSlice) {
    const int thread = static_cast<int>(threadIdx.x);
    chunk_channel = thread % Tile::kChunks * 8;
    src = static_cast<const std::uint16_t*>(args.src) + tile.group * args.group_channels +
          chunk_channel;
    weight = static_cast<const std::uint16_t*>(args.weight) +
             ((tile.group * args.num_slices + first_slice) * args.packed_rows + tile.column) *
                 Tile::kSlice +
             thread * 8;
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesA; ++pass) {
      pixels[pass] =
          source_pixel(args, tile.row + pass * Tile::kRowsPerPass + thread / Tile::kChunks);
    }
  }

  // use(pass, whether the pixel exists, address) for the next slice of a.
  template <class Use>
  __device__ __forceinline__ void next_a(const ImplicitGemmArgs& args, const Use& use) {
    const int delta = args.tap_delta[cursor.tap] + cursor.channel;
    const std::uint32_t tap =
        cursor.channel + chunk_channel < args.group_channels ? 1u << cursor.tap : 0u;
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesA; ++pass) {
      use(pass, (pixels[pass].taps & tap) != 0, src + (pixels[pass].offset + delta));
    }
    cursor.next(args, Tile::kSlice);
  }

  // use(pass, address) for the next slice of b.
  template <class Use>
  __device__ __forceinline__ void next_b(const ImplicitGemmArgs& args, const Use& use) {
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesB; ++pass) {
      use(pass, weight + pass * Tile::kRowsPerPass * Tile::kSlice);
    }
    weight += args.packed_rows * Tile::kSlice;
  }
};

// In halves, from the beginning of a panel.
__device__ __forceinline__ int chunk_offset(int row, int chunk) {
  return row * 32 + 8 * (chunk ^ (row / 2 % 4));
}

// Where the thread's chunk of pass 0 goes; further passes are kRowsPerPass rows of 32 halves on,
// as that many rows are whole periods of the swizzle.
template <class Tile>
__device__ __forceinline__ int stored_offset_a() {
  static_assert(Tile::kRowsPerPass % 8 == 0, "whole periods of the swizzle");
  const int thread = static_cast<int>(threadIdx.x);
  return chunk_offset(thread / Tile::kChunks, thread % Tile::kChunks);
}

// --- fragments ----------------------------------------------------------------------------------
// A policy says how a warp's fragments come from the panels, and where its sums lie.

// m8n8k4: a 16-byte load is 16 rows x 8 values of k, two steps of mma. A lane's row in a 16x16
// product is chosen so that the rows of a quarter-warp are consecutive:
//   row(l) = l % 4 + 4 (l / 4 % 2) + 8 (l / 16)      column(l) = l % 4 + 4 (l / 8 % 2) + 8 (l / 16)
struct VoltaFragments {
  using Mma = MmaTwice<MmaF16M8N8K4>;
  static constexpr int kColumns = 16;  // of an instruction's D
  static constexpr int kSteps = 4;     // of a slice

  int a, b;  // the lane's chunk 0 in a panel

  __device__ __forceinline__ VoltaFragments() {
    const int lane = lane_idx(), quad = lane % 4 + 8 * (lane / 16);
    a = chunk_offset(quad + 4 * (lane / 4 % 2), 0);
    b = chunk_offset(quad + 4 * (lane / 8 % 2), 0);
  }

  template <int kNum>
  __device__ __forceinline__ void load_a(std::uint32_t (&fragments)[kNum][4],
                                         const std::uint16_t* panel, int step) const {
    load(fragments, panel + (a ^ 8 * step));
  }
  template <int kNum>
  __device__ __forceinline__ void load_b(std::uint32_t (&fragments)[kNum][4],
                                         const std::uint16_t* panel, int step) const {
    load(fragments, panel + (b ^ 8 * step));
  }

  // Sums v and v + 1 of a product, v even.
  static __device__ __forceinline__ int row(int v) {
    const int lane = lane_idx();
    return (lane & 1) + (v & 2) + 4 * (lane / 4 % 2) + 8 * (lane / 16);
  }
  static __device__ __forceinline__ int column(int v) {
    const int lane = lane_idx();
    return (lane & 2) + 4 * (lane / 8 % 2) + 8 * (v / 4);
  }
  // Rows 0, 1, 4 and 5 are stored together: 0 to 3.
  static __device__ __forceinline__ int slab_swizzle(int row) { return (row & 1) + (row / 2 & 2); }

 private:
  template <int kNum>
  static __device__ __forceinline__ void load(std::uint32_t (&fragments)[kNum][4],
                                              const std::uint16_t* first) {
#pragma unroll
    for (int i = 0; i < kNum; ++i) {
      const uint4 values = ld128(first + i * 16 * 32);
      fragments[i][0] = values.x;
      fragments[i][1] = values.y;
      fragments[i][2] = values.z;
      fragments[i][3] = values.w;
    }
  }
};

// Instruction16x8x16 has the registers of m16n8k16; loads by ldmatrix.
template <class Instruction16x8x16>
struct LdmatrixFragments {
  using Mma = Instruction16x8x16;
  static constexpr int kColumns = 8;
  static constexpr int kSteps = 2;

  int a, b;

  __device__ __forceinline__ LdmatrixFragments() {
    const int lane = lane_idx();
    a = chunk_offset(lane % 16, lane / 16);
    b = chunk_offset(lane % 8 + 8 * (lane / 16), lane / 8 % 2);
  }

  template <int kNum>
  __device__ __forceinline__ void load_a(std::uint32_t (&fragments)[kNum][4],
                                         const std::uint16_t* panel, int step) const {
#pragma unroll
    for (int i = 0; i < kNum; ++i) ldmatrix(fragments[i], panel + (a ^ 16 * step) + i * 16 * 32);
  }
  template <int kNum>
  __device__ __forceinline__ void load_b(std::uint32_t (&fragments)[kNum][2],
                                         const std::uint16_t* panel, int step) const {
    static_assert(kNum % 2 == 0, "two instructions' columns a load");
#pragma unroll
    for (int i = 0; i < kNum; i += 2) {
      std::uint32_t both[4];
      ldmatrix(both, panel + (b ^ 16 * step) + i * 8 * 32);
      fragments[i][0] = both[0];
      fragments[i][1] = both[1];
      fragments[i + 1][0] = both[2];
      fragments[i + 1][1] = both[3];
    }
  }

  static __device__ __forceinline__ int row(int v) { return lane_idx() / 4 + 4 * (v & 2); }
  static __device__ __forceinline__ int column(int) { return lane_idx() % 4 * 2; }
  static __device__ __forceinline__ int slab_swizzle(int row) { return row & 3; }
};

// A warp's sums, its two sets of fragments, and its share of a slice.
template <class Tile, class Fragments>
struct WarpTile {
  using Mma = typename Fragments::Mma;
  static constexpr int kFragmentsM = Tile::kWarpM / 16;
  static constexpr int kFragmentsN = Tile::kWarpN / Fragments::kColumns;
  static constexpr int kSteps = Fragments::kSteps / Tile::kWarpsK;
  static_assert(Fragments::kSteps % Tile::kWarpsK == 0, "warps that split K have equal shares");

  // Where a scheduler has three warps or more, the others hide the loads, and registers are dear.
  static constexpr int kSets = kSteps > 1 && Tile::kBlocks* Tile::kThreads < 384 ? 2 : 1;

  float sums[kFragmentsM][kFragmentsN][Mma::kD];
  std::uint32_t a[kSets][kFragmentsM][Mma::kA], b[kSets][kFragmentsN][Mma::kB];
  Fragments fragments;
  int warp_m, warp_n, warp_k;

  __device__ __forceinline__ WarpTile() : sums{} {
    const int warp = warp_idx();
    warp_k = warp / (Tile::kWarpsM * Tile::kWarpsN);
    warp_m = warp / Tile::kWarpsN % Tile::kWarpsM;
    warp_n = warp % Tile::kWarpsN;
  }

  __device__ __forceinline__ void load(int set, ImplicitGemmSmem<Tile>& smem, int stage, int step) {
    const int of_slice = warp_k * kSteps + step;
    fragments.load_a(a[set], smem.panel_a(stage) + warp_m * Tile::kWarpM * Tile::kSlice, of_slice);
    fragments.load_b(b[set], smem.panel_b(stage) + warp_n * Tile::kWarpN * Tile::kSlice, of_slice);
  }
  __device__ __forceinline__ void multiply(int set) { warp_mma<Mma>(sums, a[set], b[set]); }

  // Hands the warp's sums to the epilogue (see epilogue.cuh).
  static constexpr int kSections = Tile::kWarpsM, kParts = Tile::kWarpM / Tile::kSlabRows;
  static __device__ __forceinline__ int slab_swizzle(int row) {
    return Fragments::slab_swizzle(row);
  }
  __device__ __forceinline__ void write_slab(float* slab, int section, int part) const {
    const int warp = opaque(warp_idx());  // or its parts take registers through the main loop
    float* rows = slab + warp / (Tile::kWarpsM * Tile::kWarpsN) * Tile::kSlabRows * Tile::kN;
    if (warp / Tile::kWarpsN % Tile::kWarpsM == section) {
#pragma unroll
      for (int i = 0; i < Tile::kSlabRows / 16; ++i) {
#pragma unroll
        for (int j = 0; j < kFragmentsN; ++j) {
          write_product(rows, warp % Tile::kWarpsN, i, j,
                        sums[part * (Tile::kSlabRows / 16) + i][j]);
        }
      }
    }
  }

 private:
  static __device__ __forceinline__ void write_product(float* rows, int warp_column, int i, int j,
                                                       const float (&product)[Mma::kD]) {
#pragma unroll
    for (int v = 0; v < Mma::kD; v += 2) {
      const int row = 16 * i + Fragments::row(v);
      const int column =
          warp_column * Tile::kWarpN + j * Fragments::kColumns + Fragments::column(v);
      store(rows + row * Tile::kN + 8 * (column / 8 ^ slab_swizzle(row)) + column % 8,
            make_float2(product[v], product[v + 1]));
    }
  }
};

// --- sources ------------------------------------------------------------------------------------
// A source is a policy: how a thread's chunks of a come into registers on their way to shared
// memory. A main loop calls begin(), work() and finish() once a slice, with products in between;
// chunks.a is complete after finish(). Other sources than the plain one are in sources.cuh.

// Chunks as they lie in src.
template <class Tile>
struct PlainSource {
  struct Chunks {
    uint4 a[Tile::kPassesA];
  };

  // Zeros if there is no next slice: then no register lives longer than to its store.
  __device__ __forceinline__ void begin(const ImplicitGemmArgs& args, SliceLoader<Tile>& loader,
                                        Chunks& chunks, bool has_next) const {
    loader.next_a(args, [&](int pass, bool exists, const std::uint16_t* address) {
      chunks.a[pass] = make_uint4(0, 0, 0, 0);
      if (exists && has_next) chunks.a[pass] = ld128(address);
    });
  }
  __device__ __forceinline__ void work(const ImplicitGemmArgs&, const SliceLoader<Tile>&,
                                       Chunks&) const {}
  __device__ __forceinline__ void finish(const ImplicitGemmArgs&, const SliceLoader<Tile>&,
                                         Chunks&) const {}
};

// --- main loops ---------------------------------------------------------------------------------

// The thread's chunks of the next slice, in registers on their way to shared memory.
template <class Tile, class Source>
struct StagedSlice {
  const Source& source;
  typename Source::Chunks chunks;
  uint4 b[Tile::kPassesB];
  SliceLoader<Tile> loader;
  int offset_a, offset_b;

  __device__ __forceinline__ StagedSlice(const ImplicitGemmArgs& args, const TilePosition& tile,
                                         int first_slice, const Source& first)
      : source(first),
        loader(args, tile, first_slice),
        offset_a(stored_offset_a<Tile>()),
        offset_b(static_cast<int>(threadIdx.x) * 8) {}

  __device__ __forceinline__ void load_a(const ImplicitGemmArgs& args, bool has_next) {
    source.begin(args, loader, chunks, has_next);
  }
  __device__ __forceinline__ void load_b(const ImplicitGemmArgs& args, bool has_next) {
    loader.next_b(args, [&](int pass, const std::uint16_t* address) {
      b[pass] = make_uint4(0, 0, 0, 0);
      if (has_next) b[pass] = ld128(address);
    });
  }
  __device__ __forceinline__ void work_on_a(const ImplicitGemmArgs& args) {
    source.work(args, loader, chunks);
  }
  __device__ __forceinline__ void store_a(const ImplicitGemmArgs& args, std::uint16_t* panel) {
    source.finish(args, loader, chunks);
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesA; ++pass) {
      st128(panel + offset_a + pass * Tile::kRowsPerPass * Tile::kSlice, chunks.a[pass]);
    }
  }
  __device__ __forceinline__ void store_b(std::uint16_t* panel) const {
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesB; ++pass) {
      st128(panel + offset_b + pass * Tile::kRowsPerPass * Tile::kSlice, b[pass]);
    }
  }
};

// Two stages: the next slice waits in registers while this one is multiplied. With two sets, the
// fragments of the next step are loaded before the products of this one, also over the barrier.
// Where a slice has four steps, b passes through the registers before a does, which saves those of
// one of them:
//
//   step   0             1                     2             3
//          LDG b         STS b, LDG a                        STS a, barrier
//          fragments 1   fragments 2           fragments 3   fragments 0 of the next slice
//          mma 0         mma 1                 mma 2         mma 3
//
// The range is not empty.
template <class Tile, class Fragments, class Source>
__device__ __forceinline__ void multiply_through_registers(WarpTile<Tile, Fragments>& warp,
                                                           ImplicitGemmSmem<Tile>& smem,
                                                           const ImplicitGemmArgs& args,
                                                           const TilePosition& tile,
                                                           SliceRange range, const Source& source) {
  static_assert(Tile::kStages == 2, "a stage is read while the other is written");
  constexpr int kSteps = WarpTile<Tile, Fragments>::kSteps, kLast = kSteps - 1;
  constexpr int kSets = WarpTile<Tile, Fragments>::kSets;
  constexpr int kStepA = kSteps == 4 ? 1 : 0;  // that loads a, and stores b if that is early
  constexpr int kStepWork = kSteps == 4 ? 2 : kLast;
  StagedSlice<Tile, Source> next(args, tile, range.begin, source);
  next.load_b(args, true);
  next.load_a(args, true);
  next.store_b(smem.panel_b(0));
  next.work_on_a(args);
  next.store_a(args, smem.panel_a(0));
  __syncthreads();  // the first slice is stored before its fragments are loaded
  if (kSets == 2) warp.load(0, smem, 0, 0);
  int stage = 0;
#pragma unroll 1
  for (int slice = range.begin; slice < range.end; ++slice) {
    const bool has_next = slice + 1 < range.end;
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (kSets == 1) warp.load(0, smem, stage, step);
      if (step == 0) next.load_b(args, has_next);
      if (step == (kStepA > 0 ? kStepA : kLast)) next.store_b(smem.panel_b(stage ^ 1));
      if (step == kStepA) next.load_a(args, has_next);
      if (step == kStepWork) next.work_on_a(args);
      if (step == kLast) next.store_a(args, smem.panel_a(stage ^ 1));
      if (kSets == 2 && step < kLast) warp.load((step + 1) % 2, smem, stage, step + 1);
      if (step == kLast) {
        __syncthreads();  // the next slice is stored, and all fragments of this one are loaded
        if (kSets == 2) warp.load(0, smem, stage ^ 1, 0);
      }
      warp.multiply(step % kSets);
    }
    stage ^= 1;
  }
  __syncthreads();  // nobody reads fragments any more, not even of the slice that was not there
}

template <class Tile, class Fragments>
__device__ __forceinline__ void multiply_through_registers(WarpTile<Tile, Fragments>& warp,
                                                           ImplicitGemmSmem<Tile>& smem,
                                                           const ImplicitGemmArgs& args,
                                                           const TilePosition& tile) {
  multiply_through_registers(warp, smem, args, tile, slice_range(args), PlainSource<Tile>());
}

// kStages stages that cp.async fills while earlier ones are multiplied. The range is not empty.
template <class Tile, class Fragments>
__device__ __forceinline__ void multiply_through_copies(WarpTile<Tile, Fragments>& warp,
                                                        ImplicitGemmSmem<Tile>& smem,
                                                        const ImplicitGemmArgs& args,
                                                        const TilePosition& tile,
                                                        SliceRange range) {
  static_assert(Tile::kStages >= 3, "a stage is free while two are on their way or read");
  constexpr int kSteps = WarpTile<Tile, Fragments>::kSteps,
                kSets = WarpTile<Tile, Fragments>::kSets;
  SliceLoader<Tile> loader(args, tile, range.begin);
  const int offset_a = stored_offset_a<Tile>(), offset_b = static_cast<int>(threadIdx.x) * 8;
  // A slice, or none: groups are counted either way.
  const auto copy = [&](int stage, bool exists_slice) {
    constexpr int kPass = Tile::kRowsPerPass * Tile::kSlice;
    if (exists_slice) {
      loader.next_a(args, [&](int pass, bool exists, const std::uint16_t* address) {
        // Taps of a pixel are read again: through L1.
        async_copy_16_cached(smem.panel_a(stage) + offset_a + pass * kPass,
                             exists ? address : static_cast<const std::uint16_t*>(args.src),
                             exists ? 16 : 0);
      });
      loader.next_b(args, [&](int pass, const std::uint16_t* address) {
        async_copy_16(smem.panel_b(stage) + offset_b + pass * kPass, address, 16);
      });
    }
    async_copy_commit();
  };

#pragma unroll
  for (int stage = 0; stage + 1 < Tile::kStages; ++stage) {
    copy(stage, range.begin + stage < range.end);
  }
  int stage = 0, free_stage = Tile::kStages - 1;
#pragma unroll 1
  for (int slice = range.begin; slice < range.end; ++slice) {
    async_copy_wait<Tile::kStages - 2>();
    __syncthreads();  // this slice is there for all, and nobody reads the one before any more
    if (kSets == 2) warp.load(0, smem, stage, 0);
    copy(free_stage, slice + Tile::kStages - 1 < range.end);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (kSets == 1) warp.load(0, smem, stage, step);
      if (kSets == 2 && step + 1 < kSteps) warp.load((step + 1) % 2, smem, stage, step + 1);
      warp.multiply(step % kSets);
    }
    stage = stage + 1 == Tile::kStages ? 0 : stage + 1;
    free_stage = free_stage + 1 == Tile::kStages ? 0 : free_stage + 1;
  }
  async_copy_wait<0>();
  __syncthreads();  // all fragments are loaded before the epilogue writes over the stages
}

template <class Tile, class Fragments>
__device__ __forceinline__ void multiply_through_copies(WarpTile<Tile, Fragments>& warp,
                                                        ImplicitGemmSmem<Tile>& smem,
                                                        const ImplicitGemmArgs& args,
                                                        const TilePosition& tile) {
  multiply_through_copies(warp, smem, args, tile, slice_range(args));
}

// The same if a comes from a source: b by cp.async, a through registers into the same stage,
// which is read no earlier than after the next barrier.
template <class Tile, class Fragments, class Source>
__device__ __forceinline__ void multiply_through_copies_and_registers(
    WarpTile<Tile, Fragments>& warp, ImplicitGemmSmem<Tile>& smem, const ImplicitGemmArgs& args,
    const TilePosition& tile, SliceRange range, const Source& source) {
  static_assert(Tile::kStages >= 3, "a stage is free while two are on their way or read");
  constexpr int kSteps = WarpTile<Tile, Fragments>::kSteps,
                kSets = WarpTile<Tile, Fragments>::kSets;
  StagedSlice<Tile, Source> next(args, tile, range.begin, source);
  const auto copy_b = [&](int stage, bool exists_slice) {
    if (exists_slice) {
      next.loader.next_b(args, [&](int pass, const std::uint16_t* address) {
        async_copy_16(
            smem.panel_b(stage) + next.offset_b + pass * Tile::kRowsPerPass * Tile::kSlice, address,
            16);
      });
    }
    async_copy_commit();
  };

#pragma unroll 1
  for (int stage = 0; stage + 1 < Tile::kStages; ++stage) {
    const bool exists_slice = range.begin + stage < range.end;
    copy_b(stage, exists_slice);
    next.load_a(args, exists_slice);
    next.work_on_a(args);
    next.store_a(args, smem.panel_a(stage));
  }
  int stage = 0, free_stage = Tile::kStages - 1;
#pragma unroll 1
  for (int slice = range.begin; slice < range.end; ++slice) {
    const bool has_next = slice + Tile::kStages - 1 < range.end;
    async_copy_wait<Tile::kStages - 2>();
    __syncthreads();  // this slice is there for all, and nobody reads the one before any more
    if (kSets == 2) warp.load(0, smem, stage, 0);
    copy_b(free_stage, has_next);
    next.load_a(args, has_next);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (kSets == 1) warp.load(0, smem, stage, step);
      if (kSets == 2 && step + 1 < kSteps) warp.load((step + 1) % 2, smem, stage, step + 1);
      if (step == kSteps - 1) next.work_on_a(args);
      warp.multiply(step % kSets);
    }
    next.store_a(args, smem.panel_a(free_stage));
    stage = stage + 1 == Tile::kStages ? 0 : stage + 1;
    free_stage = free_stage + 1 == Tile::kStages ? 0 : free_stage + 1;
  }
  async_copy_wait<0>();
  __syncthreads();  // all fragments are loaded before the next slices or the epilogue come
}

}  // namespace nestor
