#pragma once
// How many cycles the convolutions' tiles take, by kernel and architecture: what gemm_model.h charges.
//
// A tile of n slices of K takes fixed + slice * n cycles, and more for what the line has: `alone` is of
// a block that has its multiprocessor for itself, `full` of all resident blocks that advance one tile
// together. tile_cycles.cpp says where the numbers come from.

#include <span>
#include <string_view>

namespace nestor {

struct TileLine {
  double fixed, slice;
  double residual;  // more with a residual,
  double pooled;    // with sums over pixels,
  double taps;      // with taps that are fetched apart
};

struct TileCycles {
  std::string_view arch;    // "sm_70"
  std::string_view kernel;  // of kernels/convolution's tables of tiles and fused tiles
  int blocks;               // resident on a multiprocessor
  TileLine alone, full;
};

// In the order of architectures and of the tables of tiles.
std::span<const TileCycles> tile_cycles();

// Null if there is no such row: the kernel does not fit, or has no tensor cores.
const TileCycles* find_tile_cycles(std::string_view arch, std::string_view kernel);

}  // namespace nestor
