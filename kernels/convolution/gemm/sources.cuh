#pragma once
// Sources that compute the A operand while they load it: sums of parts of src times gates.
//
//   a[m][c] = sum over parts i of gate_i(m, c) * src[pixel(m) + delta_i][c]
//
//   pool                parts = the 4 pixels of a 2x2 window, gate = 1 / those that exist
//   attention           parts = the 2 radix parts of a pixel, gate = attention of (image, part, c)
//   attention with AVD  parts = 9 taps x 2 radix parts, gate = attention / 9: zeros count
//
// In half2, one HMUL2 and then HFMA2: parts in the order of their index, each step rounded to half.
// Against one rounding of the fp32 sum: within 2 ulp of the largest partial sum with 2 and 4 parts,
// 10 ulp with 18.
//
// Two parts of each of the thread's rows are on their way while the slice before is multiplied:
//
//   step   1               2                                3
//          LDG part 0, 1   HMUL2, HFMA2; of four LDG 2      HFMA2; LDG 3, HFMA2; STS
//
// so part 3 of four, and all further ones of the AVD pool, wait for L1 or L2 where nothing hides
// it but other warps.
//
// Gates of attention come from fp32 [n][2][C] into shared memory as halves before the main loop:
//
//   gates [image of the tile][part][C up to a multiple of 32, zeros], an image 64 bytes more, so
//   that rows of two images in one access meet different banks
//
// A tile may hold rows of any number of images whose gates fit (kGateHalves).

#include "kernels/convolution/gemm/epilogue.cuh"
#include "kernels/convolution/gemm/fused_args.h"
#include "kernels/convolution/gemm/implicit_gemm.cuh"
#include "kernels/device/storage.cuh"

namespace nestor {

// Chunks whose halves are sums of kParts parts. `Gates` says with what they are multiplied.
template <class Tile, class Gates, int kParts>
struct WeightedSource {
  static_assert(kParts >= 2, "two parts are on their way");
  struct Chunks {
    uint4 a[Tile::kPassesA], next[Tile::kPassesA];
    int channel;  // the slice's first
    bool exists;  // the thread's channels of it
  };

  Gates gates;

  __device__ __forceinline__ void begin(const ImplicitGemmArgs& args, SliceLoader<Tile>& loader,
                                        Chunks& chunks, bool has_next) const {
    chunks.channel = loader.cursor.channel;
    chunks.exists = has_next && loader.cursor.channel + loader.chunk_channel < args.group_channels;
    loader.cursor.channel += Tile::kSlice;
    fetch(args, loader, chunks, 0, chunks.a);
    fetch(args, loader, chunks, 1, chunks.next);
  }

  __device__ __forceinline__ void work(const ImplicitGemmArgs& args,
                                       const SliceLoader<Tile>& loader, Chunks& chunks) const {
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesA; ++pass) {
      uint4& a = chunks.a[pass];
      const uint4 gate = gates.of(loader, gate_channel(chunks), pass, 0);
      a = make_uint4(half2_mul(gate.x, a.x), half2_mul(gate.y, a.y), half2_mul(gate.z, a.z),
                     half2_mul(gate.w, a.w));
    }
    add_next(loader, chunks, 1);
    if (kParts > 2) fetch(args, loader, chunks, 2, chunks.next);
  }

  __device__ __forceinline__ void finish(const ImplicitGemmArgs& args,
                                         const SliceLoader<Tile>& loader, Chunks& chunks) const {
#pragma unroll 1  // or parts that are loaded early take registers that are not there
    for (int part = 2; part < kParts; ++part) {
      add_next(loader, chunks, part);
      if (part + 1 < kParts) fetch(args, loader, chunks, part + 1, chunks.next);
    }
  }

 private:
  // Zeros where there is no pixel, channel or slice.
  static __device__ __forceinline__ void fetch(const ImplicitGemmArgs& args,
                                               const SliceLoader<Tile>& loader,
                                               const Chunks& chunks, int part,
                                               uint4 (&to)[Tile::kPassesA]) {
    const int delta = args.tap_delta[part] + chunks.channel;
    const std::uint32_t tap = chunks.exists ? 1u << (part / Gates::kPartsPerTap) : 0u;
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesA; ++pass) {
      to[pass] = make_uint4(0, 0, 0, 0);
      if ((loader.pixels[pass].taps & tap) != 0) {
        to[pass] = ld128(loader.src + (loader.pixels[pass].offset + delta));
      }
    }
  }

  // Zeros are multiplied with any gates that there are.
  static __device__ __forceinline__ int gate_channel(const Chunks& chunks) {
    return chunks.exists ? chunks.channel : 0;
  }

  __device__ __forceinline__ void add_next(const SliceLoader<Tile>& loader, Chunks& chunks,
                                           int part) const {
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesA; ++pass) {
      uint4& a = chunks.a[pass];
      const uint4 x = chunks.next[pass];
      const uint4 gate = gates.of(loader, gate_channel(chunks), pass, part);
      a = make_uint4(half2_fma(gate.x, x.x, a.x), half2_fma(gate.y, x.y, a.y),
                     half2_fma(gate.z, x.z, a.z), half2_fma(gate.w, x.w, a.w));
    }
  }
};

// 1 / existing pixels of a 2x2 window. These are a rectangle: 1, 2 or 4, and the share is exact.
template <class Tile>
struct PoolGates {
  static constexpr int kPartsPerTap = 1;

  __device__ __forceinline__ PoolGates(const FusedGemmArgs&, const TilePosition&, std::uint16_t*) {}

  __device__ __forceinline__ uint4 of(const SliceLoader<Tile>& loader, int, int pass, int) const {
    const auto halvings = static_cast<std::uint32_t>(__popc(loader.pixels[pass].taps) / 2);
    const std::uint32_t share = (0x3c00u - (halvings << 10)) * 0x10001u;  // 2^-halvings, twice
    return make_uint4(share, share, share, share);
  }
};

// The attention of the row's image.
template <class Tile>
struct AttentionGates {
  static constexpr int kPartsPerTap = kFusedRadix;

  const std::uint16_t* gates;  // of the thread's chunk in the first slice
  int part_pitch;
  int images[Tile::kPassesA];  // where the row's image begins

  // Copies the gates of the tile's images. All threads come here.
  __device__ __forceinline__ AttentionGates(const FusedGemmArgs& args, const TilePosition& tile,
                                            std::uint16_t* memory)
      : gates(memory + static_cast<int>(threadIdx.x) % Tile::kChunks * 8),
        part_pitch(args.gate_part_pitch) {
    const int thread = static_cast<int>(threadIdx.x);
    const int pixels = args.first.pixels, last_row = args.first.num_rows - 1;
    const int first_image = tile.row / pixels;
    const int last_image = smaller(tile.row + Tile::kM - 1, last_row) / pixels;
    const int quads = part_pitch / 4;  // of a part
    const int num_quads = (last_image - first_image + 1) * kFusedRadix * quads;
    for (int i = thread; i < num_quads; i += Tile::kThreads) {
      const int part = i / quads, channel = i % quads * 4;  // part: of all images
      uint2 packed = make_uint2(0, 0);
      if (channel < args.first.group_channels) {
        const float4 gate = load<float4>(
            args.gates +
            std::int64_t{first_image * kFusedRadix + part} * args.first.group_channels + channel);
        packed = make_uint2(pack_half2(gate.x * args.gate_scale, gate.y * args.gate_scale),
                            pack_half2(gate.z * args.gate_scale, gate.w * args.gate_scale));
      }
      store(memory + part / kFusedRadix * args.gate_image_pitch + part % kFusedRadix * part_pitch +
                channel,
            packed);
    }
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesA; ++pass) {
      const int row = tile.row + pass * Tile::kRowsPerPass + thread / Tile::kChunks;
      images[pass] = (smaller(row, last_row) / pixels - first_image) * args.gate_image_pitch;
    }
    __syncthreads();  // the gates are written before they are read
  }

  __device__ __forceinline__ uint4 of(const SliceLoader<Tile>&, int channel, int pass,
                                      int part) const {
    return ld128(gates + images[pass] + part % kFusedRadix * part_pitch + channel);
  }
};

// The source of each kind of load, and what it is made of.
template <class Tile, SourceKind kKind>
struct SourceOf;
template <class Tile>
struct SourceOf<Tile, SourceKind::kPlain> {
  static __device__ __forceinline__ PlainSource<Tile> make(const FusedGemmArgs&,
                                                           const TilePosition&, std::uint16_t*) {
    return {};
  }
};
template <class Tile>
struct SourceOf<Tile, SourceKind::kPool> {
  using Gates = PoolGates<Tile>;
  static __device__ __forceinline__ WeightedSource<Tile, Gates, kFusedPoolParts> make(
      const FusedGemmArgs& args, const TilePosition& tile, std::uint16_t* memory) {
    return {Gates(args, tile, memory)};
  }
};
template <class Tile>
struct SourceOf<Tile, SourceKind::kAttention> {
  using Gates = AttentionGates<Tile>;
  static __device__ __forceinline__ WeightedSource<Tile, Gates, kFusedRadix> make(
      const FusedGemmArgs& args, const TilePosition& tile, std::uint16_t* memory) {
    return {Gates(args, tile, memory)};
  }
};
template <class Tile>
struct SourceOf<Tile, SourceKind::kAttentionPool> {
  using Gates = AttentionGates<Tile>;
  static __device__ __forceinline__ WeightedSource<Tile, Gates, kFusedAvdParts> make(
      const FusedGemmArgs& args, const TilePosition& tile, std::uint16_t* memory) {
    return {Gates(args, tile, memory)};
  }
};

template <class Tile, SourceKind kSource>
struct FusedSmem {
  ImplicitGemmSmem<Tile> gemm;
  __device__ __forceinline__ std::uint16_t* gates() { return nullptr; }
};
template <class Tile>
struct GatedSmem {
  ImplicitGemmSmem<Tile> gemm;
  SharedArray<std::uint16_t, kGateHalves> gate_memory;
  __device__ __forceinline__ std::uint16_t* gates() { return gate_memory.begin(); }
};
template <class Tile>
struct FusedSmem<Tile, SourceKind::kAttention> : GatedSmem<Tile> {};
template <class Tile>
struct FusedSmem<Tile, SourceKind::kAttentionPool> : GatedSmem<Tile> {};

// K in two ranges, the first source's and the shortcut's, by one main loop after the other:
// multiply(args, range, source) is the family's.
template <class Tile, SourceKind kSource, SourceKind kShortcut, class Multiply>
__device__ __forceinline__ void multiply_sources(const FusedGemmArgs& args,
                                                 const TilePosition& tile, std::uint16_t* gates,
                                                 const Multiply& multiply) {
  const int boundary = args.first.num_slices;
  const SliceRange range = slice_range(boundary + args.second.num_slices);
  const auto first = SourceOf<Tile, kSource>::make(args, tile, gates);
  if (range.begin < boundary) {  // the same for all threads of a block
    multiply(args.first, SliceRange{range.begin, smaller(range.end, boundary)}, first);
  }
  if constexpr (kShortcut != SourceKind::kNone) {
    if (range.end > boundary) {
      const auto second = SourceOf<Tile, kShortcut>::make(args, tile, gates);
      multiply(args.second,
               SliceRange{larger(range.begin, boundary) - boundary, range.end - boundary}, second);
    }
  }
}

// The kernel of all families with tensor cores: main loops, then the epilogue. multiply(warp, smem,
// gemm, tile, range, source) is the family's main loop.
template <class Tile, class Fragments, SourceKind kSource, SourceKind kShortcut, class Multiply>
__device__ __forceinline__ void convolve_sources(const FusedGemmArgs& args,
                                                 const Multiply& multiply) {
  using Warp = WarpTile<Tile, Fragments>;
  auto& smem = block_smem<FusedSmem<Tile, kSource>>();
  const TilePosition tile = tile_position<Tile>(args.first);
  Warp warp;
  multiply_sources<Tile, kSource, kShortcut>(
      args, tile, smem.gates(),
      [&](const ImplicitGemmArgs& gemm, SliceRange range, const auto& source) {
        multiply(warp, smem.gemm, gemm, tile, range, source);
      });
  Epilogue<Tile, WholeChunks<Half>, Warp>(args.first, smem.gemm.slab(), tile.row, tile.column,
                                          tile.group)
      .run(warp);
}

}  // namespace nestor
