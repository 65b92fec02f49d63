#pragma once
// How long kernels take, by arithmetic from a DeviceSpec: what variants and tiles are chosen by
// until a tuning file knows better. Nothing here was measured.
//
//   a tile      of kernels/convolution on tensor cores: fixed + slice * slices cycles (tile_cycles.h),
//               between those of a block alone and of all that are resident by how many there are
//               of others: the 4-norm of its main loop's demands on arithmetic, shared memory
//               and L2 (equal demands cost 1.2 to 1.3 times one alone), and `fill` and `wave`
//   the blocks  tiles in waves over the multiprocessors
//   a launch    launch + the longer of (blocks, memory) + 0.2 of the shorter + the hand-over of
//               split-K

#include <cstdint>

#include "engine/backends/cuda/device_spec.h"
#include "engine/backends/cuda/tile_cycles.h"

namespace nestor::cuda {

// A convolution as `groups` products [m, k] x [k, n].
struct GemmProblem {
  std::int64_t m = 0;  // pixels of dst, all images
  std::int64_t n = 0;  // channels of dst in a group
  std::int64_t k = 0;  // taps times channels of src in a group
  int groups = 1;
  int taps = 1;
  double fetched = 1;     // elements of src that come from L2 for one of the A operand
  double load_share = 1;  // of the arithmetic's rate that is left if A is computed in its load
  bool half = true;       // float16 on tensor cores; else float32 outside them
  bool residual = false, pooled = false;  // a tensor is added; sums over pixels are left
  std::int64_t tensor_bytes = 0;          // activations read and written
  std::int64_t weight_bytes = 0;
};

// A kernel's tile.
struct GemmTile {
  int m, n, k;         // k: the slice in shared memory
  int warps;           //
  int warp_m, warp_n;  // of dst, a warp
  int sliced;          // warps that share an output tile and split the slice's k
  int shared_bytes;    // of a block
  int blocks;          // that the registers allow on a multiprocessor
  int patch = 0;       // pixels of src that lie in shared memory for all taps; 0: each tap's apart
  const TileCycles* cycles = nullptr;  // null: by its demands

  // At once on a multiprocessor.
  int resident_blocks(const DeviceSpec& spec) const;
};

struct GemmTime {
  double waves = 0;
  double us = 0;
};

// `split`: blocks that share an output tile and split k. The tile must fit the device.
GemmTime gemm_time(const GemmProblem& problem, const GemmTile& tile, int split,
                   const DeviceSpec& spec);

// What split-K is tried with: parts of at least four slices.
inline constexpr int kSplits[] = {1, 2, 3, 4, 6, 8, 12, 16};

// Time of a purely bandwidth-bound kernel.
double streaming_us(const DeviceSpec& spec, std::int64_t tensor_bytes,
                    std::int64_t weight_bytes = 0);

// Waves of blocks of which a multiprocessor takes `resident` at once.
double waves(const DeviceSpec& spec, std::int64_t blocks, int resident);

}  // namespace nestor::cuda
