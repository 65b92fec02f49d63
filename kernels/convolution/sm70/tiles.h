#pragma once
// The tiles of convolutions on Volta's tensor cores.
//
// Nothing here was timed on a GPU yet. Sizes follow the model of the project's tile plan: only warps
// of 64x64 have shared-memory bandwidth to spare (50 % of it at full tensor rate, 64x32 75 %, 32x32
// 100 %), so small tiles of few rows come from warps that split K.
//
// A halo tile's patch is as large as the blocks that shall be resident leave room for. The tile plan
// prefers 128x32_k2 to 128x32, the model of the SASS the other way round.
//
// A source that computes has twice the plain one's registers for its chunks on their way, so it
// takes tiles with two passes of rows a slice: 128x256, which has the fewest N tiles that repeat the
// work (conv3 and shortcuts have 256 channels at least), and 64x128 if that leaves
// multiprocessors idle (not with attention and a shortcut, which would spill).

#include "kernels/convolution/tile.h"

namespace nestor {

inline constexpr ConvolutionTile kSm70Tiles[] = {
    // clang-format off
    // name                             family                m    n   warp   k  stages blocks slab patch
    {"convolution_sm70_128x128",        MmaFamily::kVolta,  128, 128, 64, 64, 1, 2, 2, 32},
    {"convolution_sm70_256x128",        MmaFamily::kVolta,  256, 128, 64, 64, 1, 2, 1, 32},
    {"convolution_sm70_128x256",        MmaFamily::kVolta,  128, 256, 64, 64, 1, 2, 1, 32},
    {"convolution_sm70_128x64",         MmaFamily::kVolta,  128,  64, 64, 32, 1, 2, 3, 32},
    {"convolution_sm70_64x128",         MmaFamily::kVolta,   64, 128, 32, 64, 1, 2, 3, 32},
    {"convolution_sm70_64x64",          MmaFamily::kVolta,   64,  64, 32, 32, 1, 2, 4, 32},
    {"convolution_sm70_128x32",         MmaFamily::kVolta,  128,  32, 32, 32, 1, 2, 4, 32},
    {"convolution_sm70_128x64_k2",      MmaFamily::kVolta,  128,  64, 64, 64, 2, 2, 2, 32},
    {"convolution_sm70_64x64_k4",       MmaFamily::kVolta,   64,  64, 64, 64, 4, 2, 2, 16},
    {"convolution_sm70_128x128_halo",   MmaFamily::kVolta,  128, 128, 64, 64, 1, 2, 2, 32, 498},
    {"convolution_sm70_256x64_halo",    MmaFamily::kVolta,  256,  64, 64, 64, 1, 2, 2, 32, 626},
    {"convolution_sm70_128x64_halo",    MmaFamily::kVolta,  128,  64, 64, 64, 1, 2, 4, 32, 242},
    {"convolution_sm70_128x64_k2_halo", MmaFamily::kVolta,  128,  64, 64, 64, 2, 2, 2, 32, 498},
    {"convolution_sm70_128x32_halo",    MmaFamily::kVolta,  128,  32, 32, 32, 1, 2, 4, 32, 306},
    {"convolution_sm70_128x32_k2_halo", MmaFamily::kVolta,  128,  32, 64, 32, 2, 2, 3, 32, 306},
    // clang-format on
};

inline constexpr FusedTileRow kSm70FusedTiles[] = {
    // clang-format off
    {"fused_sm70_128x256_pool",               "sm70_128x256", SourceKind::kPool, SourceKind::kNone},
    {"fused_sm70_128x256_attention",          "sm70_128x256", SourceKind::kAttention, SourceKind::kNone},
    {"fused_sm70_128x256_shortcut",           "sm70_128x256", SourceKind::kPlain, SourceKind::kPlain},
    {"fused_sm70_128x256_pooled_shortcut",    "sm70_128x256", SourceKind::kPlain, SourceKind::kPool},
    {"fused_sm70_128x256_attention_shortcut", "sm70_128x256", SourceKind::kAttention, SourceKind::kPlain},
    {"fused_sm70_128x128_shortcut",           "sm70_128x128", SourceKind::kPlain, SourceKind::kPlain},
    {"fused_sm70_64x128_pool",                "sm70_64x128", SourceKind::kPool, SourceKind::kNone},
    {"fused_sm70_64x128_attention",           "sm70_64x128", SourceKind::kAttention, SourceKind::kNone},
    {"fused_sm70_64x128_attention_pool",      "sm70_64x128", SourceKind::kAttentionPool, SourceKind::kNone},
    {"fused_sm70_64x128_shortcut",            "sm70_64x128", SourceKind::kPlain, SourceKind::kPlain},
    {"fused_sm70_64x128_pooled_shortcut",     "sm70_64x128", SourceKind::kPlain, SourceKind::kPool},
    // clang-format on
};

}  // namespace nestor
