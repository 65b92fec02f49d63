#pragma once
// Constants of the Winograd convolution, with what they were measured on.

#include <cstdint>

namespace nestor::cpu {

// Bytes of V and M that one task may have: about what stays in a second-level cache of 1 MB beside
// a slice of weights.
inline constexpr std::int64_t kWinogradTaskBytes = 640 * 1024;

// Fewer tiles than this would read the packed weights too often, even if V lies further away then.
inline constexpr std::int64_t kWinogradMinTaskTiles = 28;

// Maps up to this side have tiles of 2 pixels: tiles of 4 have 2.25 times their weights, and at
// batch 1 reading these takes longer than what they save.
inline constexpr std::int64_t kWinogradSmallMap = 8;

}  // namespace nestor::cpu
