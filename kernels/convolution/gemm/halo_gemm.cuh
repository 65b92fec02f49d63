#pragma once
// The halo form of a 3x3 convolution of stride 1: what its kernels add to implicit_gemm.cuh.
//
// dst has the pixels of src, so that tap (r, s) of row m is pixel m + ((r - 1) w + s - 1) dilation:
// the taps of a tile's kM rows lie in one range of kM + 2 dilation (w + 1) consecutive pixels, the
// patch. Of each slice of 32 channels it is stored once, a linear copy whatever images and lines it
// spans, and read by nine taps at constant distances; only weights come for every tap. A row's taps
// that fall on no pixel (the border, and what the range holds of other lines and images there) read
// zeros instead: a bit a row and tap says so, as in the plain form. There is nothing to skip or to
// pad. K has the plain form's order, and the results have its bits.
//
//   patch      4 planes, one a chunk of 8 channels: [8 pixels of zeros][patch pixels] x 16 bytes
//
//       plane 0 | 0 0 0 0 0 0 0 0 | p0 p1 p2 ...            |      p0 = tile's first pixel
//       plane 1 | 0 0 0 0 0 0 0 0 | p0 p1 p2 ...            |           - dilation (w + 1)
//       ...                          ^ ^row m, tap (0, 0)
//                                    +--- tap (r, s) of it: (r w + s) dilation further
//
//   No bank conflicts: 8 consecutive rows read 8 consecutive pixels of a plane. Who reads zeros
//   takes those in the banks of the pixel that he does not read. Planes lie 2 pixels apart mod 8,
//   so that stores of 4 lanes a pixel (64 contiguous bytes of src) meet all banks.
//
//   weights    stages of [kN][32], as in the plain form
//
// A 128x128 tile on 28x28 pixels reads and stores 186 pixels a slice of 32 channels, instead of
// 9 x 128; their addresses and predicates leave the loop over taps. A patch that follows the padded
// lines of images would need no bits, but for lines of 7 pixels twice the space, and a pitch that
// is the width mod 8.

#include "kernels/convolution/gemm/epilogue.cuh"
#include "kernels/convolution/gemm/implicit_gemm.cuh"

namespace nestor {

template <int kIndex>
struct HaloTile : ImplicitGemmTile<kIndex> {
  using Base = ImplicitGemmTile<kIndex>;
  static constexpr int kTaps = 9;
  static constexpr int kZeros = 8;                                // pixels
  static constexpr int kPlane = (Base::kRow.patch + kZeros) * 8;  // halves
  static constexpr int kPatch = Base::kChunks * kPlane;
  static constexpr int kPatches = Base::kRow.patches();
  static_assert(Base::kRow.form() == ConvolutionForm::kHalo, "a halo tile has a patch");
  static_assert(kPlane / 8 % 8 == 2, "planes of neighbouring chunks lie in other banks");
  static_assert(kPatch * 2 == Base::kRow.patch_bytes(), "the row counts its shared memory");
};

template <class Tile>
struct HaloSmem {
  SharedArray<std::uint16_t, Tile::kRow.memory_bytes() / 2> memory;  // patches, stages; the slab

  __device__ __forceinline__ std::uint16_t* patch(int idx) { return &memory[idx * Tile::kPatch]; }
  __device__ __forceinline__ std::uint16_t* panel_b(int stage) {
    return &memory[Tile::kPatches * Tile::kPatch + stage * Tile::kPanelB];
  }
  __device__ __forceinline__ float* slab() { return reinterpret_cast<float*>(memory.begin()); }
};

// In halves, from the beginning of a patch.
template <class Tile>
__device__ __forceinline__ int patch_offset(int pixel, int chunk) {
  return chunk * Tile::kPlane + (Tile::kZeros + pixel) * 8;
}

// The zeros of all patches. Seen after the next barrier.
template <class Tile>
__device__ __forceinline__ void store_zeros(HaloSmem<Tile>& smem) {
  constexpr int kPerPatch = Tile::kChunks * Tile::kZeros;
  for (int i = static_cast<int>(threadIdx.x); i < Tile::kPatches * kPerPatch; i += Tile::kThreads) {
    st128(smem.patch(i / kPerPatch) + i / Tile::kZeros % Tile::kChunks * Tile::kPlane +
              i % Tile::kZeros * 8,
          make_uint4(0, 0, 0, 0));
  }
}

// What a thread brings of a patch: chunk threadIdx.x % 4 of pixels threadIdx.x / 4 + i * kStep.
// Pixels before the first image and behind the last are zeros, as are channels past the group's.
template <class Tile>
struct PatchLoader {
  static constexpr int kStep = Tile::kThreads / Tile::kChunks;

  const std::uint16_t* src;  // of the thread's chunk in the patch's pixel 0
  int pixel, chunk;          // the thread's first pixel
  int begin, end, span;      // pixels that exist, and all of the patch
  int pitch;

  // Made for each patch anew, so that nothing of it takes registers while the patch is multiplied.
  __device__ __forceinline__ PatchLoader(const ImplicitGemmArgs& args, const TilePosition& tile) {
    const int thread = opaque(static_cast<int>(threadIdx.x));
    pixel = thread / Tile::kChunks;
    chunk = thread % Tile::kChunks;
    const int before = opaque(args.dilation) * (args.w + 1);
    span = Tile::kM + 2 * before;
    begin = before - tile.row;
    end = args.num_rows + begin;
    pitch = opaque(args.src_pitch);
    src = static_cast<const std::uint16_t*>(args.src) - std::int64_t{1} * begin * pitch +
          tile.group * args.group_channels + 8 * chunk;
  }

  // use(pixel, whether it exists, its address), for kBatch of the thread's pixels from `first` on.
  template <int kBatch, class Use>
  __device__ __forceinline__ void batch(const ImplicitGemmArgs& args, int channel, int first,
                                        const Use& use) const {
    const bool has_chunk = channel + 8 * chunk < args.group_channels;
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int at = first + i * kStep;
      if (at < span) {
        use(i, at, has_chunk && at >= begin && at < end, src + (at * pitch + channel));
      }
    }
  }

  // Through registers, kBatch chunks at a time.
  template <int kBatch>
  __device__ __forceinline__ void store_patch(const ImplicitGemmArgs& args, std::uint16_t* patch,
                                              int channel) const {
#pragma unroll 1
    for (int first = pixel; first < span; first += kBatch * kStep) {
      uint4 chunks[kBatch];
      batch<kBatch>(args, channel, first,
                    [&](int i, int, bool exists, const std::uint16_t* address) {
                      chunks[i] = make_uint4(0, 0, 0, 0);
                      if (exists) chunks[i] = ld128(address);
                    });
      batch<kBatch>(args, channel, first, [&](int i, int at, bool, const std::uint16_t*) {
        st128(patch + patch_offset<Tile>(at, chunk), chunks[i]);
      });
    }
  }

  // By cp.async; the caller commits.
  __device__ __forceinline__ void copy_patch(const ImplicitGemmArgs& args, std::uint16_t* patch,
                                             int channel) const {
    constexpr int kBatch = 4;
#pragma unroll 1
    for (int first = pixel; first < span; first += kBatch * kStep) {
      batch<kBatch>(args, channel, first,
                    [&](int, int at, bool exists, const std::uint16_t* address) {
                      async_copy_16(patch + patch_offset<Tile>(at, chunk),
                                    exists ? address : static_cast<const std::uint16_t*>(args.src),
                                    exists ? 16 : 0);
                    });
    }
  }
};

// Weights of one slice after the other.
template <class Tile>
struct WeightLoader {
  const std::uint16_t* weight;  // of the thread's first row in the next slice
  int first;                    // that row in a panel, in halves

  __device__ __forceinline__ WeightLoader(const ImplicitGemmArgs& args, const TilePosition& tile,
                                          int first_slice)
      : weight(static_cast<const std::uint16_t*>(args.weight) +
               ((tile.group * args.num_slices + first_slice) * args.packed_rows + tile.column) *
                   Tile::kSlice +
               static_cast<int>(threadIdx.x) * 8),
        first(opaque(static_cast<int>(threadIdx.x) * 8)) {}

  // use(pass, place in the panel, address).
  template <class Use>
  __device__ __forceinline__ void next(const ImplicitGemmArgs& args, const Use& use) {
    constexpr int kPass = Tile::kRowsPerPass * Tile::kSlice;
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesB; ++pass) {
      use(pass, first + pass * kPass, weight + pass * kPass);
    }
    weight += args.packed_rows * Tile::kSlice;
  }
};

// --- fragments from a patch ---------------------------------------------------------------------
// A lane loads 16 bytes of one pixel for each 16 rows: which row, and which chunk of a step's.

struct VoltaHaloFragments : VoltaFragments {
  static constexpr int kChunksPerStep = 1;
  static __device__ __forceinline__ int lane_row() {
    const int lane = lane_idx();
    return lane % 4 + 8 * (lane / 16) + 4 * (lane / 4 % 2);
  }
  static __device__ __forceinline__ int lane_chunk() { return 0; }
  static __device__ __forceinline__ void load_row(std::uint32_t (&fragment)[4],
                                                  const std::uint16_t* address) {
    const uint4 values = ld128(address);
    fragment[0] = values.x;
    fragment[1] = values.y;
    fragment[2] = values.z;
    fragment[3] = values.w;
  }
};

template <class Instruction16x8x16>
struct LdmatrixHaloFragments : LdmatrixFragments<Instruction16x8x16> {
  static constexpr int kChunksPerStep = 2;
  static __device__ __forceinline__ int lane_row() { return lane_idx() % 16; }
  static __device__ __forceinline__ int lane_chunk() { return lane_idx() / 16; }
  static __device__ __forceinline__ void load_row(std::uint32_t (&fragment)[4],
                                                  const std::uint16_t* address) {
    ldmatrix(fragment, address);
  }
};

// A warp's tile, whose rows come from a patch.
template <class Tile, class Fragments>
struct HaloWarpTile : WarpTile<Tile, Fragments> {
  using Base = WarpTile<Tile, Fragments>;
  static constexpr int kFragmentsM = Base::kFragmentsM;

  std::uint32_t taps[kFragmentsM];  // of the lane's rows: which fall on pixels that exist
  int first;                        // of fragment 0's row under tap 0, in halves of a plane
  int place[kFragmentsM];           // under the tap that is multiplied

  __device__ __forceinline__ HaloWarpTile(const ImplicitGemmArgs& args, const TilePosition& tile) {
    const int row = this->warp_m * Tile::kWarpM + Fragments::lane_row();
    first = patch_offset<Tile>(row, 0);
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i) {
      taps[i] = source_pixel(args, tile.row + row + 16 * i).taps;
    }
  }

  __device__ __forceinline__ void select_tap(const ImplicitGemmArgs& args, int tap) {
    // Computed, as a table in constant memory would answer too late.
    const int offset = first + 8 * args.dilation * (tap / 3 * args.w + tap % 3);
    const int zeros = offset & (8 * Tile::kZeros - 1);  // in the same banks
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i) {
      place[i] = (taps[i] >> tap & 1u) != 0 ? offset + i * 16 * 8 : zeros;
    }
  }

  __device__ __forceinline__ void load(int set, const std::uint16_t* patch,
                                       const std::uint16_t* panel_b, int step) {
    const int of_slice = this->warp_k * Base::kSteps + step;
    const std::uint16_t* plane =
        patch + (Fragments::lane_chunk() + Fragments::kChunksPerStep * of_slice) * Tile::kPlane;
#pragma unroll
    for (int i = 0; i < kFragmentsM; ++i) Fragments::load_row(this->a[set][i], plane + place[i]);
    this->fragments.load_b(this->b[set], panel_b + this->warp_n * Tile::kWarpN * Tile::kSlice,
                           of_slice);
  }
};

// --- main loops ---------------------------------------------------------------------------------

// One patch, two stages of weights. Where the next slice has other channels, its patch is loaded
// when all fragments of this one are; other blocks cover that.
//
//   step   0                1             2             3
//          LDG b                                        STS b, barrier
//          fragments 1      fragments 2   fragments 3   fragments 0 of the next slice
//          mma 0            mma 1         mma 2         mma 3
template <class Tile, class Fragments>
__device__ __forceinline__ void multiply_halo_through_registers(HaloWarpTile<Tile, Fragments>& warp,
                                                                HaloSmem<Tile>& smem,
                                                                const ImplicitGemmArgs& args,
                                                                const TilePosition& tile) {
  static_assert(Tile::kStages == 2 && Tile::kPatches == 1, "a stage is read, the other written");
  constexpr int kSteps = HaloWarpTile<Tile, Fragments>::kSteps, kLast = kSteps - 1;
  constexpr int kSets = HaloWarpTile<Tile, Fragments>::kSets;
  // Before the barrier if there are few products to hide it; else it would cost registers.
  constexpr bool kSelectEarly = kSteps < 4;
  const SliceRange range = slice_range(args);
  WeightLoader<Tile> weights(args, tile, range.begin);
  SliceCursor cursor(args, range.begin, Tile::kSlice);
  uint4 b[Tile::kPassesB];
  // Zeros if there is no next slice: then no register lives longer than to its store.
  const auto load_b = [&](bool has_next) {
    weights.next(args, [&](int pass, int, const std::uint16_t* address) {
      b[pass] = make_uint4(0, 0, 0, 0);
      if (has_next) b[pass] = ld128(address);
    });
  };
  const auto store_b = [&](int stage) {
#pragma unroll
    for (int pass = 0; pass < Tile::kPassesB; ++pass) {
      st128(smem.panel_b(stage) + static_cast<int>(threadIdx.x) * 8 +
                pass * Tile::kRowsPerPass * Tile::kSlice,
            b[pass]);
    }
  };

  load_b(true);
  store_zeros(smem);
  PatchLoader<Tile>(args, tile).template store_patch<8>(args, smem.patch(0), cursor.channel);
  store_b(0);
  __syncthreads();  // patch and weights are stored before their fragments are loaded
  warp.select_tap(args, cursor.tap);
  if (kSets == 2) warp.load(0, smem.patch(0), smem.panel_b(0), 0);
  int stage = 0;
#pragma unroll 1
  for (int slice = range.begin; slice < range.end; ++slice) {
    const bool has_next = slice + 1 < range.end;
    cursor.next(args, Tile::kSlice);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (kSets == 1) warp.load(0, smem.patch(0), smem.panel_b(stage), step);
      if (step == 0) load_b(has_next);
      if (kSets == 2 && step < kLast) {
        warp.load((step + 1) % 2, smem.patch(0), smem.panel_b(stage), step + 1);
      }
      if (step == kLast) {
        store_b(stage ^ 1);
        if (kSelectEarly) warp.select_tap(args, cursor.tap);
        __syncthreads();  // the next weights are stored, and all fragments of this slice loaded
        if (has_next && cursor.tap == 0) {
          PatchLoader<Tile>(args, tile)
              .template store_patch<4>(args, smem.patch(0), cursor.channel);
          __syncthreads();  // the next patch is stored before its fragments are loaded
        }
        if (!kSelectEarly) warp.select_tap(args, cursor.tap);
        if (kSets == 2) warp.load(0, smem.patch(0), smem.panel_b(stage ^ 1), 0);
      }
      warp.multiply(step % kSets);
    }
    stage ^= 1;
  }
  __syncthreads();  // nobody reads fragments any more, not even of the slice that was not there
}

// Two patches and kStages stages of weights that cp.async fills. A patch is copied while the one
// before it is multiplied: from the first tap on, when nobody reads what lay in its place any more.
template <class Tile, class Fragments>
__device__ __forceinline__ void multiply_halo_through_copies(HaloWarpTile<Tile, Fragments>& warp,
                                                             HaloSmem<Tile>& smem,
                                                             const ImplicitGemmArgs& args,
                                                             const TilePosition& tile) {
  static_assert(Tile::kStages >= 3, "a stage is free while two are on their way or read");
  static_assert(Tile::kStages <= Tile::kTaps, "a patch is there when its first tap's weights are");
  static_assert(Tile::kPatches == 2, "a patch is read while the next is copied");
  constexpr int kSteps = HaloWarpTile<Tile, Fragments>::kSteps;
  constexpr int kSets = HaloWarpTile<Tile, Fragments>::kSets;
  // With the products before the barrier, if there are registers for it.
  constexpr bool kSelectEarly = kSets == 1;
  const SliceRange range = slice_range(args);
  WeightLoader<Tile> weights(args, tile, range.begin);
  SliceCursor cursor(args, range.begin, Tile::kSlice);
  const int last_channel = (range.end - 1) / Tile::kTaps * Tile::kSlice;
  const auto copy_patch = [&](int idx, int channel) {
    if (channel <= last_channel) {
      PatchLoader<Tile>(args, tile).copy_patch(args, smem.patch(idx), channel);
    }
  };
  const auto copy_weights = [&](int stage, bool exists) {
    if (exists) {
      weights.next(args, [&](int, int offset, const std::uint16_t* address) {
        async_copy_16(smem.panel_b(stage) + offset, address, 16);
      });
    }
  };

  // Each stage is a group, also one without copies. The first two patches belong to the first two:
  // of the first one as little as a tap may be left to this block.
  store_zeros(smem);
#pragma unroll
  for (int stage = 0; stage + 1 < Tile::kStages; ++stage) {
    if (stage < 2) copy_patch(stage, cursor.channel + stage * Tile::kSlice);
    copy_weights(stage, range.begin + stage < range.end);
    async_copy_commit();
  }
  int stage = 0, free_stage = Tile::kStages - 1, patch = 0;
  if (kSelectEarly) warp.select_tap(args, cursor.tap);
#pragma unroll 1
  for (int slice = range.begin; slice < range.end; ++slice) {
    if (!kSelectEarly) warp.select_tap(args, cursor.tap);
    async_copy_wait<Tile::kStages - 2>();
    __syncthreads();  // this slice is there for all, and nobody reads the one before any more
    warp.load(0, smem.patch(patch), smem.panel_b(stage), 0);
    if (cursor.tap == 0 && slice != range.begin) {
      copy_patch(patch ^ 1, cursor.channel + Tile::kSlice);
    }
    copy_weights(free_stage, slice + Tile::kStages - 1 < range.end);
    async_copy_commit();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      if (kSets == 1 && step > 0) warp.load(0, smem.patch(patch), smem.panel_b(stage), step);
      if (kSets == 2 && step + 1 < kSteps) {
        warp.load((step + 1) % 2, smem.patch(patch), smem.panel_b(stage), step + 1);
      }
      if (step + 1 == kSteps) {
        cursor.next(args, Tile::kSlice);
        if (kSelectEarly) warp.select_tap(args, cursor.tap);
      }
      warp.multiply(step % kSets);
    }
    if (cursor.tap == 0) patch ^= 1;
    stage = stage + 1 == Tile::kStages ? 0 : stage + 1;
    free_stage = free_stage + 1 == Tile::kStages ? 0 : free_stage + 1;
  }
  async_copy_wait<0>();
  __syncthreads();  // all fragments are loaded before the epilogue writes over the patches
}

// The kernel of all families: the main loop multiply(warp, smem, args, tile), then the epilogue.
template <class Tile, class Fragments, class Multiply>
__device__ __forceinline__ void convolve_halo(const ImplicitGemmArgs& args,
                                              const Multiply& multiply) {
  using Warp = HaloWarpTile<Tile, Fragments>;
  auto& smem = block_smem<HaloSmem<Tile>>();
  if (is_in_use<Tile>(args)) {
    const TilePosition tile = tile_position<Tile>(args);
    Warp warp(args, tile);
    multiply(warp, smem, args, tile);
    Epilogue<Tile, WholeChunks<Half>, Warp>(args, smem.slab(), tile.row, tile.column, tile.group)
        .run(warp);
  }
}

}  // namespace nestor
