#pragma once
// The tiles that the convolution kernels have, one row an instance. Registers are estimates.

#include "engine/backends/cuda/gemm_model.h"

namespace nestor::cuda {

// mma.sync m8n8k4, register double buffering.
inline constexpr GemmTile kVoltaTiles[] = {
    {.m = 128,
     .n = 128,
     .k = 32,
     .warps = 4,
     .warp_m = 64,
     .warp_n = 64,
     .stages = 2,
     .registers = 240},
    {.m = 128,
     .n = 64,
     .k = 32,
     .warps = 4,
     .warp_m = 64,
     .warp_n = 32,
     .stages = 2,
     .registers = 144},
    {.m = 64,
     .n = 64,
     .k = 32,
     .warps = 4,
     .warp_m = 32,
     .warp_n = 32,
     .stages = 2,
     .registers = 96},
    {.m = 128,
     .n = 32,
     .k = 32,
     .warps = 4,
     .warp_m = 32,
     .warp_n = 32,
     .stages = 2,
     .registers = 96},
};

// mma.sync m16n8k16 (m16n8k8 on sm_75) and cp.async (register staging on sm_75).
inline constexpr GemmTile kAmpereTiles[] = {
    {.m = 128,
     .n = 128,
     .k = 32,
     .warps = 4,
     .warp_m = 64,
     .warp_n = 64,
     .stages = 3,
     .registers = 240},
    {.m = 128,
     .n = 64,
     .k = 32,
     .warps = 4,
     .warp_m = 64,
     .warp_n = 32,
     .stages = 3,
     .registers = 144},
    {.m = 64,
     .n = 64,
     .k = 32,
     .warps = 4,
     .warp_m = 32,
     .warp_n = 32,
     .stages = 3,
     .registers = 96},
    {.m = 128,
     .n = 32,
     .k = 32,
     .warps = 4,
     .warp_m = 32,
     .warp_n = 32,
     .stages = 3,
     .registers = 96},
};

// FFMA, 8x8 results a thread.
inline constexpr GemmTile kFloatTiles[] = {
    {.m = 128,
     .n = 128,
     .k = 8,
     .warps = 8,
     .warp_m = 32,
     .warp_n = 64,
     .stages = 2,
     .registers = 128},
    {.m = 64,
     .n = 64,
     .k = 8,
     .warps = 2,
     .warp_m = 32,
     .warp_n = 64,
     .stages = 2,
     .registers = 128},
};

}  // namespace nestor::cuda
