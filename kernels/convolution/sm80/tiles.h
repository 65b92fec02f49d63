#pragma once
// The tiles of convolutions on the tensor cores of Ampere and newer. Nothing here was timed on a GPU
// yet. Sources that compute take tiles with two passes of rows a slice, as in sm70/tiles.h.

#include "kernels/convolution/tile.h"

namespace nestor {

inline constexpr ConvolutionTile kSm80Tiles[] = {
    // clang-format off
    // name                             family                m    n   warp   k  stages blocks slab patch
    {"convolution_sm80_128x128",        MmaFamily::kAmpere, 128, 128, 64, 64, 1, 3, 2, 32},
    {"convolution_sm80_256x128",        MmaFamily::kAmpere, 256, 128, 64, 64, 1, 4, 1, 32},
    {"convolution_sm80_128x256",        MmaFamily::kAmpere, 128, 256, 64, 64, 1, 4, 1, 32},
    {"convolution_sm80_128x64",         MmaFamily::kAmpere, 128,  64, 64, 32, 1, 4, 2, 32},
    {"convolution_sm80_64x128",         MmaFamily::kAmpere,  64, 128, 32, 64, 1, 4, 2, 32},
    {"convolution_sm80_64x64",          MmaFamily::kAmpere,  64,  64, 32, 32, 1, 4, 3, 32},
    {"convolution_sm80_128x32",         MmaFamily::kAmpere, 128,  32, 32, 32, 1, 4, 3, 32},
    {"convolution_sm80_64x64_k2",       MmaFamily::kAmpere,  64,  64, 64, 32, 2, 4, 2, 32},
    {"convolution_sm80_256x64_halo",    MmaFamily::kAmpere, 256,  64, 64, 64, 1, 3, 2, 32, 490},
    {"convolution_sm80_128x64_halo",    MmaFamily::kAmpere, 128,  64, 64, 64, 1, 3, 4, 32, 210},
    {"convolution_sm80_128x32_halo",    MmaFamily::kAmpere, 128,  32, 32, 32, 1, 4, 4, 32, 194},
    // clang-format on
};

inline constexpr FusedTileRow kSm80FusedTiles[] = {
    // clang-format off
    {"fused_sm80_128x256_pool",               "sm80_128x256", SourceKind::kPool, SourceKind::kNone},
    {"fused_sm80_128x256_attention",          "sm80_128x256", SourceKind::kAttention, SourceKind::kNone},
    {"fused_sm80_128x256_shortcut",           "sm80_128x256", SourceKind::kPlain, SourceKind::kPlain},
    {"fused_sm80_128x256_pooled_shortcut",    "sm80_128x256", SourceKind::kPlain, SourceKind::kPool},
    {"fused_sm80_128x256_attention_shortcut", "sm80_128x256", SourceKind::kAttention, SourceKind::kPlain},
    {"fused_sm80_64x128_pool",                "sm80_64x128", SourceKind::kPool, SourceKind::kNone},
    {"fused_sm80_64x128_attention",           "sm80_64x128", SourceKind::kAttention, SourceKind::kNone},
    {"fused_sm80_64x128_attention_pool",      "sm80_64x128", SourceKind::kAttentionPool, SourceKind::kNone},
    {"fused_sm80_64x128_shortcut",            "sm80_64x128", SourceKind::kPlain, SourceKind::kPlain},
    {"fused_sm80_64x128_pooled_shortcut",     "sm80_64x128", SourceKind::kPlain, SourceKind::kPool},
    {"fused_sm80_64x128_attention_shortcut",  "sm80_64x128", SourceKind::kAttention, SourceKind::kPlain},
    // clang-format on
};

}  // namespace nestor
