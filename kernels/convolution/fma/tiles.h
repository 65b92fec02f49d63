#pragma once
// The tile of convolutions by fp32 multiply-adds.

#include "kernels/convolution/tile.h"

namespace nestor {

inline constexpr ConvolutionTile kFmaTiles[] = {
    // clang-format off
    // name                             family                m    n   warp   k  stages blocks slab patch
    {"convolution_fma_64x64",           MmaFamily::kFma,     64,  64, 32, 16, 1, 2, 2, 32},
    // clang-format on
};

inline constexpr FusedTileRow kFmaFusedTiles[] = {
    // clang-format off
    {"fused_fma_64x64_pool",               "fma_64x64", SourceKind::kPool, SourceKind::kNone},
    {"fused_fma_64x64_attention",          "fma_64x64", SourceKind::kAttention, SourceKind::kNone},
    {"fused_fma_64x64_attention_pool",     "fma_64x64", SourceKind::kAttentionPool, SourceKind::kNone},
    {"fused_fma_64x64_shortcut",           "fma_64x64", SourceKind::kPlain, SourceKind::kPlain},
    {"fused_fma_64x64_pooled_shortcut",    "fma_64x64", SourceKind::kPlain, SourceKind::kPool},
    {"fused_fma_64x64_attention_shortcut", "fma_64x64", SourceKind::kAttention, SourceKind::kPlain},
    // clang-format on
};

}  // namespace nestor
