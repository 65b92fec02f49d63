#pragma once
// Constants of the Winograd convolution, with what they were measured on: AMD EPYC of family 26
// (Zen 5), AVX-512, 260 GFLOP/s a core, 1 MB of second-level cache a core, November 2026.
//
// Milliseconds on one thread, best of many runs, batch 1; "cold": weights and activations come from
// memory, as for batch 1 within a network.
//
//                                            hot                        cold
//   problem                      tile 4  tile 2  oneDNN     tile 4  tile 2  oneDNN (2.6.3, direct)
//   c32_h112_w112_k32              0.46    0.66    0.98       0.60    0.79    1.16
//   c32_h112_w112_k64              0.85    1.26    2.04       0.93    1.33    2.27
//   c64_h56_w56_k128_g2            0.36    0.57    0.95       0.49    0.70    1.03
//   c128_h56_w56_k256_g2           1.33    2.13    3.90       1.50    2.19    >4
//   c128_h28_w28_k256_g2           0.29    0.47    0.94       0.40    0.56    1.04
//   c256_h28_w28_k512_g2           1.36    1.99    4.04       1.54    2.11    4.04
//   c256_h14_w14_k512_g2           0.41    0.49    1.07       0.79    0.63    1.18
//   c512_h14_w14_k1024_g2          1.91    2.11    4.65       1.94    2.16    4.61
//   c512_h7_w7_k1024_g2            1.18    0.64    1.64       1.55    0.75    1.68
//   c256_h16_w16_k512_g2           0.41    0.61    1.34       0.57    0.80    1.45
//   c512_h8_w8_k1024_g2            1.33    0.76    2.02       1.60    0.79    2.02
//   the same in bfloat16:
//   c64_h56_w56_k128_g2            0.35    0.55    0.45       0.45    0.68    0.48
//   c128_h28_w28_k256_g2           0.29    0.46    0.43       0.39    0.54    0.48
//   c256_h14_w14_k512_g2           0.33    0.44    0.44       0.57    0.59    0.52
//   c512_h7_w7_k1024_g2            1.12    0.59    0.67       1.46    0.74    0.72
//
// The choice must not depend on the batch, as results would. Batch 16 prefers tiles of 4 even at 7
// x 7 (12 ms against 20 on a busy machine), by less than batch 1 prefers tiles of 2.
//
// Tried and lost: tiles of 6 (accuracy, see winograd_kernels.h); the transforms in two halves that
// stay in registers (source 8 % faster, result 12 % slower: moving V and M between the caches is
// what they wait for); huge pages for weights (2 % of a network, but the first run takes 0.2 s
// longer). Won: fetching the next position's weights ahead, 0.32 -> 0.25 ms at c256_h14 and 0.49 ->
// 0.37 ms at c512_h7 within ResNeSt-50, batch 1, 2 threads.

#include <cstdint>

namespace nestor::cpu {

// Bytes of V and M that one task may have: about what stays in a second-level cache of 1 MB beside
// a slice of weights. From 320 KB to 1.4 MB makes no difference that could be measured.
inline constexpr std::int64_t kWinogradTaskBytes = 640 * 1024;

// Fewer tiles than this would read the packed weights too often, even if V lies further away then:
// n4_c512_h7_w7_k1024_g2, tiles of 4, takes 1.4 ms with 28 and 2.4 ms with 14.
inline constexpr std::int64_t kWinogradMinTaskTiles = 28;

// Maps up to this side have tiles of 2 pixels: tiles of 4 have 2.25 times their weights, and at
// batch 1 reading these takes longer than what they save.
inline constexpr std::int64_t kWinogradSmallMap = 8;

}  // namespace nestor::cpu
