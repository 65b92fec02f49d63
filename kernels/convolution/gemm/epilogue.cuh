#pragma once
// From a block's sums to dst: split-K, bias, residual, activation, 16-byte stores, pooled sums.
//
// Sums go through shared memory in slabs of kSlabRows rows, over the stages that the main loop has
// done with, so that a thread gets 8 channels of a pixel:
//
//   slab   [kWarpsK][kSlabRows][kN] fp32; the 8 columns of group g of row m lie at group
//          g ^ swizzle(m), swizzle < 4, so that the stores of fragments meet all banks
//   thread columns 8 (t % (kN / 8)) ..., rows t / (kN / 8) + step * rows
//
// Split-K. Each block writes its sums to its own slot of the workspace and counts itself; who comes
// last adds the slots 0, 1, 2, ... in this order (its own too) and does the rest. Who is last
// varies, the sum does not.
//
// Pooled sums. The elements as stored go back into the slab, where a thread adds one column in the
// order of rows, and hands a sum over where an image ends: no atomics, and any number of images in
// a tile.
//
// A Writer hands the sums over: kSections x kParts slabs cover the tile, from the first row on.

#include "kernels/convolution/gemm/args.h"
#include "kernels/device/activation.cuh"
#include "kernels/device/storage.cuh"
#include "kernels/device/warp.cuh"

namespace nestor {

// 8 channels of a pixel that all exist, aligned to 16 bytes.
template <class T>
struct WholeChunks {
  using Element = T;
  struct Raw {
    uint4 words[sizeof(T) / 2];
  };
  static __device__ __forceinline__ Raw fetch(const T* address, int) {
    Raw raw;
#pragma unroll
    for (int i = 0; i < static_cast<int>(sizeof(T) / 2); ++i)
      raw.words[i] = ld128(address + 8 / (sizeof(T) / 2) * i);
    return raw;
  }
  static __device__ __forceinline__ void unpack(const Raw& raw, float (&values)[kChunk]) {
    load_words(raw.words, values);
  }
  static __device__ __forceinline__ void store(T* address, int, const float (&values)[kChunk]) {
    store_chunk(address, values);
  }

 private:
  static __device__ __forceinline__ void load_words(const uint4 (&words)[1],
                                                    float (&values)[kChunk]) {
    const std::uint32_t pairs[4] = {words[0].x, words[0].y, words[0].z, words[0].w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = unpack_half2(pairs[i]);
      values[2 * i] = pair.x;
      values[2 * i + 1] = pair.y;
    }
  }
  static __device__ __forceinline__ void load_words(const uint4 (&words)[2],
                                                    float (&values)[kChunk]) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      values[4 * i] = __uint_as_float(words[i].x);
      values[4 * i + 1] = __uint_as_float(words[i].y);
      values[4 * i + 2] = __uint_as_float(words[i].z);
      values[4 * i + 3] = __uint_as_float(words[i].w);
    }
  }
};

__device__ __forceinline__ float element_value(float element) { return element; }
__device__ __forceinline__ float element_value(Half element) {
  return unpack_half2(element.bits).x;
}
__device__ __forceinline__ void set_element(float& element, float value) { element = value; }
__device__ __forceinline__ void set_element(Half& element, float value) {
  element.bits = static_cast<std::uint16_t>(pack_half2(value, 0.0f));
}

// The first `count` of 8 channels, at any address.
template <class T>
struct RaggedChunks {
  using Element = T;
  struct Raw {
    float values[kChunk];
  };
  static __device__ __forceinline__ Raw fetch(const T* address, int count) {
    Raw raw;
#pragma unroll
    for (int i = 0; i < kChunk; ++i) raw.values[i] = i < count ? element_value(address[i]) : 0.0f;
    return raw;
  }
  static __device__ __forceinline__ void unpack(const Raw& raw, float (&values)[kChunk]) {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) values[i] = raw.values[i];
  }
  static __device__ __forceinline__ void store(T* address, int count,
                                               const float (&values)[kChunk]) {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      if (i < count) set_element(address[i], values[i]);
    }
  }
};

// Whether this block is the last of those that share a tile; if so, what the others wrote may be
// read. The counter is zero again then. `is_last` is scratch that may be used again at once.
__device__ __forceinline__ bool is_last_split(unsigned* counter, int& is_last) {
  __threadfence();  // this thread's part of the slot, before the block is counted
  __syncthreads();  // all of the slot is written
  if (threadIdx.x == 0) {
    const bool last = atomicAdd(counter, 1u) == gridDim.z - 1;
    if (last) atomicExch(counter, 0u);
    is_last = last;
    __threadfence();  // the other blocks' slots, before they are read
  }
  __syncthreads();  // is_last is written, and thread 0 has seen the other blocks
  const bool result = is_last != 0;
  __syncthreads();  // is_last is read
  return result;
}

// Adds the rows of one column, and stores a sum where an image ends.
struct PooledColumn {
  float* sums;  // of slot 0 of image 0
  float sum = 0.0f;
  int image, rows_left;  // of the image

  __device__ __forceinline__ PooledColumn(const ImplicitGemmArgs& args, int first_row, int channel)
      : sums(args.pooled + channel / args.pooled_width * args.pooled_slots * args.pooled_width +
             channel % args.pooled_width),
        image(first_row / args.pixels),
        rows_left(args.pixels - first_row % args.pixels) {}

  // The slot is the block's place among the tiles that hold rows of the image.
  __device__ __forceinline__ void hand_over(const ImplicitGemmArgs& args, int tile_rows) {
    const int slot = static_cast<int>(blockIdx.y) - image * args.pixels / tile_rows;
    const int slots_before = image * args.pooled_parts * args.pooled_slots + slot;
    sums[slots_before * args.pooled_width] = sum;
  }

  __device__ __forceinline__ void add(const ImplicitGemmArgs& args, float value, int tile_rows) {
    sum += value;
    if (--rows_left == 0) {
      hand_over(args, tile_rows);
      sum = 0.0f;
      rows_left = args.pixels;
      ++image;
    }
  }
};

template <class Tile, class Chunks, class Writer>
class Epilogue {
 public:
  // The block's first row and, in its group, first column.
  __device__ __forceinline__ Epilogue(const ImplicitGemmArgs& arguments, float* memory, int row,
                                      int tile_column, int channel_group)
      : args(arguments),
        slab(memory),
        tile_row(row),
        columns((channel_group == args.num_groups - 1 ? args.max_columns : args.group_columns) -
                tile_column),
        channel(channel_group * args.group_columns + tile_column),
        chunk(static_cast<int>(threadIdx.x) % kChunks),
        step_row(static_cast<int>(threadIdx.x) / kChunks),
        pooled(args, row, channel + static_cast<int>(threadIdx.x)) {
    load_bias();
  }

  __device__ __forceinline__ void run(const Writer& writer) {
    const bool split = gridDim.z > 1;
#pragma unroll 1
    for (int section = 0; section < Writer::kSections; ++section) {
#pragma unroll
      for (int part = 0; part < Writer::kParts; ++part) {
        const int first_row = (section * Writer::kParts + part) * Tile::kSlabRows;
        writer.write_slab(slab, section, part);
        if (split) {
          save_slab(first_row);
        } else {
          finish_slab(first_row, /*in_slab=*/true);
        }
      }
    }
    const int tile = static_cast<int>(blockIdx.y * gridDim.x + blockIdx.x);
    const bool finishes =
        !split || is_last_split(args.counters + tile, *reinterpret_cast<int*>(slab));
    if (split && finishes) {
#pragma unroll 1
      for (int first_row = 0; first_row < Tile::kM; first_row += Tile::kSlabRows) {
        finish_slab(first_row, /*in_slab=*/false);
      }
    }
    if (finishes && args.pooled != nullptr && has_column() && pooled.rows_left != args.pixels) {
      pooled.hand_over(args, Tile::kM);  // of an image that goes on in the next tile
    }
  }

 private:
  using T = typename Chunks::Element;
  static constexpr int kChunks = Tile::kN / kChunk;  // of a row
  static constexpr int kRowsPerStep = Tile::kThreads / kChunks;
  static constexpr int kSteps = Tile::kSlabRows / kRowsPerStep;
  static_assert(Tile::kThreads % kChunks == 0 && Tile::kSlabRows % kRowsPerStep == 0,
                "steps are whole");

  const ImplicitGemmArgs& args;
  float* slab;
  int tile_row;
  int columns,
      channel;  // of the tile's first column on: how many exist, and the first one's channel
  int chunk, step_row;  // of the thread
  PooledColumn pooled;
  float bias[kChunk];

  __device__ __forceinline__ int num_values() const { return columns - kChunk * chunk; }
  __device__ __forceinline__ bool has_column() const {
    return static_cast<int>(threadIdx.x) < (columns < Tile::kN ? columns : Tile::kN);
  }
  __device__ __forceinline__ bool exists(int row) const {
    return tile_row + row < args.num_rows && num_values() > 0;
  }
  __device__ __forceinline__ std::int64_t element(int row) const {
    return std::int64_t{1} * (tile_row + row) * args.dst_pitch + channel + kChunk * chunk;
  }

  __device__ __forceinline__ void load_bias() {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) {
      bias[i] =
          args.bias != nullptr && i < num_values() ? args.bias[channel + kChunk * chunk + i] : 0.0f;
    }
  }

  // Two 16-byte accesses, of which every other group of four lanes does the second first: together
  // they meet all banks.
  __device__ __forceinline__ float* slab_chunk(int warp_k, int slab_row) const {
    return slab + (warp_k * Tile::kSlabRows + slab_row) * Tile::kN +
           kChunk * (chunk ^ Writer::slab_swizzle(slab_row));
  }
  __device__ __forceinline__ void add_slab(int slab_row, float (&values)[kChunk]) const {
    const int first = chunk_order();
#pragma unroll
    for (int i = 0; i < kChunk; ++i) values[i] = 0.0f;
#pragma unroll
    for (int warp_k = 0; warp_k < Tile::kWarpsK; ++warp_k) {
      const float* address = slab_chunk(warp_k, slab_row);
      const float4 x = load<float4>(address + 4 * first), y = load<float4>(address + 4 - 4 * first);
      const float4 low = first == 0 ? x : y, high = first == 0 ? y : x;
      values[0] += low.x;
      values[1] += low.y;
      values[2] += low.z;
      values[3] += low.w;
      values[4] += high.x;
      values[5] += high.y;
      values[6] += high.z;
      values[7] += high.w;
    }
  }
  __device__ __forceinline__ void put_back(int slab_row, const float (&values)[kChunk]) const {
    const int first = chunk_order();
    const float4 low = make_float4(values[0], values[1], values[2], values[3]);
    const float4 high = make_float4(values[4], values[5], values[6], values[7]);
    float* address = slab_chunk(0, slab_row);
    store(address + 4 * first, first == 0 ? low : high);
    store(address + 4 - 4 * first, first == 0 ? high : low);
  }
  static __device__ __forceinline__ int chunk_order() { return lane_idx() / 4 % 2; }

  __device__ __forceinline__ float* partial(int split, int row) const {
    const std::int64_t tiles = std::int64_t{1} * gridDim.x * gridDim.y;
    const std::int64_t slot = split * tiles + blockIdx.y * gridDim.x + blockIdx.x;
    return args.workspace + (slot * Tile::kM + row) * Tile::kN + kChunk * chunk;
  }
  __device__ __forceinline__ void add_partials(int row, float (&values)[kChunk]) const {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) values[i] = 0.0f;
    for (int split = 0; split < static_cast<int>(gridDim.z); ++split) {
      float slot[kChunk];
      load_chunk(partial(split, row), slot);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) values[i] += slot[i];
    }
  }

  // The slab to the block's slot of the workspace.
  __device__ __forceinline__ void save_slab(int first_row) const {
    __syncthreads();  // the slab is written
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const int slab_row = step * kRowsPerStep + step_row;
      float values[kChunk];
      add_slab(slab_row, values);
      store_chunk(partial(static_cast<int>(blockIdx.z), first_row + slab_row), values);
    }
    __syncthreads();  // the slab is read
  }

  // The slab, or those rows of all slots of the workspace, to dst.
  __device__ __forceinline__ void finish_slab(int first_row, bool in_slab) {
    typename Chunks::Raw residual[kSteps] = {};  // on its way during the barrier
    if (args.residual != nullptr) {
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        const int row = first_row + step * kRowsPerStep + step_row;
        if (exists(row)) {
          residual[step] =
              Chunks::fetch(static_cast<const T*>(args.residual) + element(row), num_values());
        }
      }
    }
    if (in_slab) __syncthreads();  // the slab is written
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const int slab_row = step * kRowsPerStep + step_row;
      if (exists(first_row + slab_row)) {
        float values[kChunk];
        if (in_slab) {
          add_slab(slab_row, values);
        } else {
          add_partials(first_row + slab_row, values);
        }
        finish_row(first_row + slab_row, residual[step], values);
        if (args.pooled != nullptr) put_back(slab_row, values);
      }
    }
    if (args.pooled != nullptr) {
      __syncthreads();  // elements as stored are back in the slab
      add_column(first_row);
    }
    __syncthreads();  // the slab is read
  }

  // Leaves the values as they were stored.
  __device__ __forceinline__ void finish_row(int row, const typename Chunks::Raw& residual,
                                             float (&values)[kChunk]) const {
#pragma unroll
    for (int i = 0; i < kChunk; ++i) values[i] += bias[i];
    if (args.residual != nullptr) {
      float more[kChunk];
      Chunks::unpack(residual, more);
#pragma unroll
      for (int i = 0; i < kChunk; ++i) values[i] += more[i];
    }
    activate(args.activation, values);
    Chunks::store(static_cast<T*>(args.dst) + element(row), num_values(), values);
#pragma unroll
    for (int i = 0; i < kChunk; ++i) values[i] = rounded<T>(values[i]);
  }

  __device__ __forceinline__ void add_column(int first_row) {
    const int column = static_cast<int>(threadIdx.x);
    const int num_rows = smaller(Tile::kSlabRows, args.num_rows - tile_row - first_row);
    if (has_column()) {
      for (int row = 0; row < num_rows; ++row) {
        const int place = column / kChunk ^ Writer::slab_swizzle(row);
        pooled.add(args, load<float>(slab + row * Tile::kN + kChunk * place + column % kChunk),
                   Tile::kM);
      }
    }
  }
};

}  // namespace nestor
