#pragma once
// The tiles that convolutions are compiled for. Plain data: kernels take their sizes from these
// rows, and whoever chooses reads the same.
//
// Nothing here was timed on a GPU yet. Sizes follow the model of the project's tile plan: on sm_70
// only warps of 64x64 have shared-memory bandwidth to spare (50 % of it at full tensor rate, 64x32
// 75 %, 32x32 100 %), so small tiles of few rows come from warps that split K.
//
// A halo tile's patch is as large as the blocks that shall be resident leave room for. On sm_70 the
// tile plan prefers 128x32_k2 to 128x32, the model of the SASS the other way round.

#include <cstdint>

namespace nestor {

enum class ConvolutionEngine : std::int32_t {
  kVolta,   // sm_70: m8n8k4, two stages and registers
  kTuring,  // sm_75: m16n8k8, two stages and registers
  kAmpere,  // sm_80 and newer: m16n8k16, cp.async
  kFma,     // any: fp32 multiply-adds; float32 and float16 storage, any number of channels
};

// Where the operand of pixels comes from.
enum class ConvolutionForm : std::int32_t {
  kPlain,  // global memory for every tap (implicit_gemm.cuh)
  kHalo,   // 3x3, stride 1: all taps from one patch of src in shared memory (halo_gemm.cuh)
};

struct ConvolutionTile {
  const char* name;
  ConvolutionEngine engine;
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
  constexpr int slice() const { return engine == ConvolutionEngine::kFma ? 16 : 32; }
  constexpr int stage_bytes() const {
    const int rows = form() == ConvolutionForm::kHalo ? n : m + n;
    return rows * slice() * (engine == ConvolutionEngine::kFma ? 4 : 2);
  }
  // A patch is 32 channels of its pixels and of 8 pixels of zeros. Where copies run beside the
  // products there are two.
  constexpr int patches() const {
    if (form() == ConvolutionForm::kPlain) return 0;
    return engine == ConvolutionEngine::kAmpere ? 2 : 1;
  }
  constexpr int patch_bytes() const { return (patch + 8) * slice() * 2; }
  constexpr int slab_bytes() const { return warps_k * slab_rows * n * 4; }
  constexpr int memory_bytes() const {
    const int loop = patches() * patch_bytes() + stages * stage_bytes();
    return loop > slab_bytes() ? loop : slab_bytes();
  }
};

inline constexpr ConvolutionTile kConvolutionTiles[] = {
    // clang-format off
    // name                             engine                        m    n   warp   k  stages blocks slab patch
    {"convolution_sm70_128x128",        ConvolutionEngine::kVolta,  128, 128, 64, 64, 1, 2, 2, 32},
    {"convolution_sm70_256x128",        ConvolutionEngine::kVolta,  256, 128, 64, 64, 1, 2, 1, 32},
    {"convolution_sm70_128x256",        ConvolutionEngine::kVolta,  128, 256, 64, 64, 1, 2, 1, 32},
    {"convolution_sm70_128x64",         ConvolutionEngine::kVolta,  128,  64, 64, 32, 1, 2, 3, 32},
    {"convolution_sm70_64x128",         ConvolutionEngine::kVolta,   64, 128, 32, 64, 1, 2, 3, 32},
    {"convolution_sm70_64x64",          ConvolutionEngine::kVolta,   64,  64, 32, 32, 1, 2, 4, 32},
    {"convolution_sm70_128x32",         ConvolutionEngine::kVolta,  128,  32, 32, 32, 1, 2, 4, 32},
    {"convolution_sm70_128x64_k2",      ConvolutionEngine::kVolta,  128,  64, 64, 64, 2, 2, 2, 32},
    {"convolution_sm70_64x64_k4",       ConvolutionEngine::kVolta,   64,  64, 64, 64, 4, 2, 2, 16},
    {"convolution_sm70_128x128_halo",   ConvolutionEngine::kVolta,  128, 128, 64, 64, 1, 2, 2, 32, 498},
    {"convolution_sm70_256x64_halo",    ConvolutionEngine::kVolta,  256,  64, 64, 64, 1, 2, 2, 32, 626},
    {"convolution_sm70_128x64_halo",    ConvolutionEngine::kVolta,  128,  64, 64, 64, 1, 2, 4, 32, 242},
    {"convolution_sm70_128x64_k2_halo", ConvolutionEngine::kVolta,  128,  64, 64, 64, 2, 2, 2, 32, 498},
    {"convolution_sm70_128x32_halo",    ConvolutionEngine::kVolta,  128,  32, 32, 32, 1, 2, 4, 32, 306},
    {"convolution_sm70_128x32_k2_halo", ConvolutionEngine::kVolta,  128,  32, 64, 32, 2, 2, 3, 32, 306},
    {"convolution_sm75_128x128",        ConvolutionEngine::kTuring, 128, 128, 64, 64, 1, 2, 2, 32},
    {"convolution_sm75_128x64",         ConvolutionEngine::kTuring, 128,  64, 64, 32, 1, 2, 2, 32},
    {"convolution_sm75_64x64",          ConvolutionEngine::kTuring,  64,  64, 32, 32, 1, 2, 4, 32},
    {"convolution_sm75_128x64_halo",    ConvolutionEngine::kTuring, 128,  64, 64, 32, 1, 2, 2, 32, 370},
    {"convolution_sm80_128x128",        ConvolutionEngine::kAmpere, 128, 128, 64, 64, 1, 3, 2, 32},
    {"convolution_sm80_256x128",        ConvolutionEngine::kAmpere, 256, 128, 64, 64, 1, 4, 1, 32},
    {"convolution_sm80_128x256",        ConvolutionEngine::kAmpere, 128, 256, 64, 64, 1, 4, 1, 32},
    {"convolution_sm80_128x64",         ConvolutionEngine::kAmpere, 128,  64, 64, 32, 1, 4, 2, 32},
    {"convolution_sm80_64x128",         ConvolutionEngine::kAmpere,  64, 128, 32, 64, 1, 4, 2, 32},
    {"convolution_sm80_64x64",          ConvolutionEngine::kAmpere,  64,  64, 32, 32, 1, 4, 3, 32},
    {"convolution_sm80_128x32",         ConvolutionEngine::kAmpere, 128,  32, 32, 32, 1, 4, 3, 32},
    {"convolution_sm80_64x64_k2",       ConvolutionEngine::kAmpere,  64,  64, 64, 32, 2, 4, 2, 32},
    {"convolution_sm80_256x64_halo",    ConvolutionEngine::kAmpere, 256,  64, 64, 64, 1, 3, 2, 32, 490},
    {"convolution_sm80_128x64_halo",    ConvolutionEngine::kAmpere, 128,  64, 64, 64, 1, 3, 4, 32, 210},
    {"convolution_sm80_128x32_halo",    ConvolutionEngine::kAmpere, 128,  32, 32, 32, 1, 4, 4, 32, 194},
    {"convolution_fma_64x64",           ConvolutionEngine::kFma,     64,  64, 32, 16, 1, 2, 2, 32},
    // clang-format on
};
inline constexpr int kNumConvolutionTiles =
    static_cast<int>(sizeof(kConvolutionTiles) / sizeof(kConvolutionTiles[0]));

// FNV-1a over the tiles' names and what they mean: measurements of other tiles are stale.
constexpr std::uint64_t convolution_tiles_digest() {
  std::uint64_t digest = 0xCBF29CE484222325u;
  const auto add = [&](std::uint64_t value) { digest = (digest ^ value) * 0x100000001B3u; };
  for (const ConvolutionTile& tile : kConvolutionTiles) {
    for (const char* c = tile.name; *c != '\0'; ++c) add(static_cast<unsigned char>(*c));
    add(static_cast<std::uint64_t>(tile.num_threads()));
    add(static_cast<std::uint64_t>(tile.memory_bytes()));
    add(static_cast<std::uint64_t>(tile.blocks));
  }
  return digest;
}

}  // namespace nestor
