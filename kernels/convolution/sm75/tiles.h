#pragma once
// The tiles of convolutions on Turing's tensor cores. Nothing here was timed on a GPU: Turing is
// served, not tuned for.

#include "kernels/convolution/tile.h"

namespace nestor {

inline constexpr ConvolutionTile kSm75Tiles[] = {
    // clang-format off
    // name                             family                m    n   warp   k  stages blocks slab patch
    {"convolution_sm75_128x128",        MmaFamily::kTuring, 128, 128, 64, 64, 1, 2, 2, 32},
    {"convolution_sm75_128x64",         MmaFamily::kTuring, 128,  64, 64, 32, 1, 2, 2, 32},
    {"convolution_sm75_64x64",          MmaFamily::kTuring,  64,  64, 32, 32, 1, 2, 4, 32},
    {"convolution_sm75_128x64_halo",    MmaFamily::kTuring, 128,  64, 64, 32, 1, 2, 2, 32, 370},
    // clang-format on
};

inline constexpr FusedTileRow kSm75FusedTiles[] = {
    // clang-format off
    {"fused_sm75_128x64_pool",               "sm75_128x64", SourceKind::kPool, SourceKind::kNone},
    {"fused_sm75_128x64_attention",          "sm75_128x64", SourceKind::kAttention, SourceKind::kNone},
    {"fused_sm75_128x64_attention_pool",     "sm75_128x64", SourceKind::kAttentionPool, SourceKind::kNone},
    {"fused_sm75_128x64_shortcut",           "sm75_128x64", SourceKind::kPlain, SourceKind::kPlain},
    {"fused_sm75_128x64_pooled_shortcut",    "sm75_128x64", SourceKind::kPlain, SourceKind::kPool},
    {"fused_sm75_128x64_attention_shortcut", "sm75_128x64", SourceKind::kAttention, SourceKind::kPlain},
    // clang-format on
};

}  // namespace nestor
