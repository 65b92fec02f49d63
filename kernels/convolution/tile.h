#pragma once
// What a tile of a convolution is. The tiles are rows of <family>/tiles.h. Plain data: kernels take
// their sizes from these rows, and whoever chooses reads the same.

#include "kernels/convolution/mma_family.h"

namespace nestor {

// How the A operand, pixels of src, is fetched.
enum class ConvolutionForm : std::int32_t {
  kPlain,  // global memory for every tap (implicit_gemm.cuh)
  kHalo,   // 3x3, stride 1: all taps from one patch of src in shared memory (halo_gemm.cuh)
};

struct ConvolutionTile {
  const char* name;
  MmaFamily family;
  int m, n;            // output pixels x output channels of a block
  int warp_m, warp_n;  // of a warp
  int warps_k;         // warps that share a warp tile and split K
  int stages;          // slices of K in shared memory
  int blocks;          // that a multiprocessor shall hold: bounds the registers
  int slab_rows;       // rows that the epilogue takes through shared memory at a time
  int patch = 0;       // pixels of src that a halo tile has room for; 0: the plain form

  constexpr ConvolutionForm form() const {
    return patch > 0 ? ConvolutionForm::kHalo : ConvolutionForm::kPlain;
  }
  constexpr int num_warps() const { return m / warp_m * (n / warp_n) * warps_k; }
  constexpr int num_threads() const { return 32 * num_warps(); }
  constexpr int slice() const { return family == MmaFamily::kFma ? 16 : 32; }
  constexpr int stage_bytes() const {
    const int rows = form() == ConvolutionForm::kHalo ? n : m + n;
    return rows * slice() * (family == MmaFamily::kFma ? 4 : 2);
  }
  // A patch is 32 channels of its pixels and of 8 pixels of zeros.
  constexpr int patches() const {
    return form() == ConvolutionForm::kPlain ? 0 : family_row(family).halo_patches;
  }
  constexpr int patch_bytes() const { return (patch + 8) * slice() * 2; }
  constexpr int slab_bytes() const { return warps_k * slab_rows * n * 4; }
  constexpr int memory_bytes() const {
    const int loop = patches() * patch_bytes() + stages * stage_bytes();
    return loop > slab_bytes() ? loop : slab_bytes();
  }
};

// What a fused convolution reads as its A operand.
enum class SourceKind : std::int32_t {
  kNone,
  kPlain,          // src
  kPool,           // its average pool: a shortcut's
  kAttention,      // its radix parts, weighted and added: conv3's
  kAttentionPool,  // behind the AVD pool
};

// What a tile is compiled for besides the plain convolution.
struct FusedTileRow {
  const char* name;
  const char* tile;             // of the same family
  SourceKind source, shortcut;  // kNone: no shortcut
};

}  // namespace nestor
