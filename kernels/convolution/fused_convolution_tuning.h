#pragma once
// What the convolutions of fused_convolution.h load, and for which tiles each combination is
// compiled. Plain data.
//
// A source that computes has twice the plain one's registers for its chunks on their way, so on
// tensor cores it takes tiles with two passes of rows a slice: on sm_70 the 128x256 tile, which has
// the fewest N tiles that repeat the work (conv3 and shortcuts have 256 channels at least), and
// 64x128 where that leaves multiprocessors idle (not with attention and a shortcut, which would
// spill). Nothing was timed on a GPU.

#include <string_view>

#include "kernels/convolution/convolution_tuning.h"

namespace nestor {

// What a GEMM reads as its A operand.
enum class SourceKind : std::int32_t {
  kNone,
  kPlain,          // src
  kPool,           // its average pool: a shortcut's
  kAttention,      // its radix parts, weighted and added: conv3's
  kAttentionPool,  // behind the AVD pool
};

struct FusedConvolutionTile {
  const char* name;
  int tile;                     // of kConvolutionTiles
  SourceKind source, shortcut;  // kNone: no shortcut
};

namespace fused_tuning {

using Kind = SourceKind;

// "sm70_128x256" is convolution_sm70_128x256.
constexpr int tile(std::string_view name) {
  constexpr std::string_view kPrefix = "convolution_";
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    if (std::string_view(kConvolutionTiles[i].name).substr(kPrefix.size()) == name) return i;
  }
  return -1;
}

inline constexpr FusedConvolutionTile kFusedConvolutionTiles[] = {
    // clang-format off
    {"fused_sm70_128x256_pool",               tile("sm70_128x256"), Kind::kPool, Kind::kNone},
    {"fused_sm70_128x256_attention",          tile("sm70_128x256"), Kind::kAttention, Kind::kNone},
    {"fused_sm70_128x256_shortcut",           tile("sm70_128x256"), Kind::kPlain, Kind::kPlain},
    {"fused_sm70_128x256_pooled_shortcut",    tile("sm70_128x256"), Kind::kPlain, Kind::kPool},
    {"fused_sm70_128x256_attention_shortcut", tile("sm70_128x256"), Kind::kAttention, Kind::kPlain},
    {"fused_sm70_128x128_shortcut",           tile("sm70_128x128"), Kind::kPlain, Kind::kPlain},
    {"fused_sm70_64x128_pool",                tile("sm70_64x128"), Kind::kPool, Kind::kNone},
    {"fused_sm70_64x128_attention",           tile("sm70_64x128"), Kind::kAttention, Kind::kNone},
    {"fused_sm70_64x128_attention_pool",      tile("sm70_64x128"), Kind::kAttentionPool, Kind::kNone},
    {"fused_sm70_64x128_shortcut",            tile("sm70_64x128"), Kind::kPlain, Kind::kPlain},
    {"fused_sm70_64x128_pooled_shortcut",     tile("sm70_64x128"), Kind::kPlain, Kind::kPool},
    {"fused_sm75_128x64_pool",                tile("sm75_128x64"), Kind::kPool, Kind::kNone},
    {"fused_sm75_128x64_attention",           tile("sm75_128x64"), Kind::kAttention, Kind::kNone},
    {"fused_sm75_128x64_attention_pool",      tile("sm75_128x64"), Kind::kAttentionPool, Kind::kNone},
    {"fused_sm75_128x64_shortcut",            tile("sm75_128x64"), Kind::kPlain, Kind::kPlain},
    {"fused_sm75_128x64_pooled_shortcut",     tile("sm75_128x64"), Kind::kPlain, Kind::kPool},
    {"fused_sm75_128x64_attention_shortcut",  tile("sm75_128x64"), Kind::kAttention, Kind::kPlain},
    {"fused_sm80_128x256_pool",               tile("sm80_128x256"), Kind::kPool, Kind::kNone},
    {"fused_sm80_128x256_attention",          tile("sm80_128x256"), Kind::kAttention, Kind::kNone},
    {"fused_sm80_128x256_shortcut",           tile("sm80_128x256"), Kind::kPlain, Kind::kPlain},
    {"fused_sm80_128x256_pooled_shortcut",    tile("sm80_128x256"), Kind::kPlain, Kind::kPool},
    {"fused_sm80_128x256_attention_shortcut", tile("sm80_128x256"), Kind::kAttention, Kind::kPlain},
    {"fused_sm80_64x128_pool",                tile("sm80_64x128"), Kind::kPool, Kind::kNone},
    {"fused_sm80_64x128_attention",           tile("sm80_64x128"), Kind::kAttention, Kind::kNone},
    {"fused_sm80_64x128_attention_pool",      tile("sm80_64x128"), Kind::kAttentionPool, Kind::kNone},
    {"fused_sm80_64x128_shortcut",            tile("sm80_64x128"), Kind::kPlain, Kind::kPlain},
    {"fused_sm80_64x128_pooled_shortcut",     tile("sm80_64x128"), Kind::kPlain, Kind::kPool},
    {"fused_sm80_64x128_attention_shortcut",  tile("sm80_64x128"), Kind::kAttention, Kind::kPlain},
    {"fused_fma_64x64_pool",                  tile("fma_64x64"), Kind::kPool, Kind::kNone},
    {"fused_fma_64x64_attention",             tile("fma_64x64"), Kind::kAttention, Kind::kNone},
    {"fused_fma_64x64_attention_pool",        tile("fma_64x64"), Kind::kAttentionPool, Kind::kNone},
    {"fused_fma_64x64_shortcut",              tile("fma_64x64"), Kind::kPlain, Kind::kPlain},
    {"fused_fma_64x64_pooled_shortcut",       tile("fma_64x64"), Kind::kPlain, Kind::kPool},
    {"fused_fma_64x64_attention_shortcut",    tile("fma_64x64"), Kind::kAttention, Kind::kPlain},
    // clang-format on
};

}  // namespace fused_tuning

using fused_tuning::kFusedConvolutionTiles;
inline constexpr int kNumFusedConvolutionTiles =
    static_cast<int>(sizeof(kFusedConvolutionTiles) / sizeof(kFusedConvolutionTiles[0]));

}  // namespace nestor
