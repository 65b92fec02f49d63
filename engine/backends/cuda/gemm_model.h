#pragma once
// How long kernels take, by arithmetic from a DeviceSpec: what variants and tiles are chosen by
// until a tuning file knows better. Nothing here was measured.
//
//   a tile's main loop    the 4-norm of its demands on tensor cores, shared memory and L2: equal
//                         demands cost 1.2 to 1.3 times one alone
//   the blocks            main loops in waves over the multiprocessors
//   a launch              launch + fill + the longer of (blocks, memory) + 0.2 of the shorter
//                         + the hand-over of split-K

#include <cstdint>
#include <span>
#include <string>

#include "engine/backends/cuda/device_spec.h"

namespace nestor::cuda {

// A convolution as `groups` products [m, k] x [k, n].
struct GemmProblem {
  std::int64_t m = 0;  // pixels of dst, all images
  std::int64_t n = 0;  // channels of dst in a group
  std::int64_t k = 0;  // taps times channels of src in a group
  int groups = 1;
  int taps = 1;
  bool half = true;               // float16 on tensor cores; else float32 outside them
  std::int64_t tensor_bytes = 0;  // activations read and written
  std::int64_t weight_bytes = 0;
};

// A kernel's tile: one instance in kernels/convolution.
struct GemmTile {
  int m, n, k;         // k: the slice in shared memory
  int warps;           //
  int warp_m, warp_n;  // of dst, a warp
  int stages;          // slices in shared memory
  int registers;       // a thread
  int sliced = 1;      // warps that share an output tile and split the slice's k

  int threads() const { return 32 * warps; }
  int shared_bytes(bool half) const { return stages * (m + n) * k * (half ? 2 : 4) * sliced; }
  // At once on a multiprocessor.
  int resident_blocks(const DeviceSpec& spec, bool half) const;
};

struct GemmChoice {
  GemmTile tile{};
  int split = 1;  // blocks that share an output tile and split k
  std::int64_t m_tiles = 0, n_tiles = 0;
  double waves = 0;
  double us = 0;
  std::int64_t workspace_bytes = 0;  // float32 partial results; 0 without split

  std::int64_t blocks(int groups) const { return m_tiles * n_tiles * groups * split; }
};

GemmChoice gemm_time(const GemmProblem& problem, const GemmTile& tile, int split,
                     const DeviceSpec& spec);

// The fastest of the tiles with split-K of 1 to 16.
GemmChoice choose_gemm(const GemmProblem& problem, std::span<const GemmTile> tiles,
                       const DeviceSpec& spec);

// A kernel that reads and writes so much and computes next to nothing.
double streaming_us(const DeviceSpec& spec, std::int64_t tensor_bytes,
                    std::int64_t weight_bytes = 0);

// Waves of blocks of which a multiprocessor takes `resident` at once.
double waves(const DeviceSpec& spec, std::int64_t blocks, int resident);

// "128x64x32, split 2"
std::string to_string(const GemmChoice& choice);

}  // namespace nestor::cuda
