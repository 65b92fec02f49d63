#pragma once
// What convolution() gives to the kernels: a convolution as an implicit GEMM. Internal to kernels/convolution. Plain C++.

#include "kernels/convolution/convolution.h"

namespace nestor {

struct ImplicitGemmArgs {
  const void* src;       // [n][h][w][src_pitch]
  const void* weight;    // packed_weight.h
  const float* bias;     // [dst_pitch] or null
  const void* residual;  // [num_rows][dst_pitch] or null
  void* dst;             // [num_rows][dst_pitch]
  float* pooled;         // [n][parts][pooled_slots][pooled_width] or null
  float* workspace;      // [splits][tile][kM][kN]
  unsigned* counters;    // [tile]
  int num_rows, pixels;  // of all images, and of one
  int h, w, q;
  int r, s, stride, above, left, dilation, num_taps;  // above, left: zeros around src
  int src_pitch, dst_pitch;
  int group_channels, group_columns, max_columns, num_groups, tiles_per_group;
  int num_slices, packed_rows;
  int pooled_width, pooled_parts, pooled_slots;
  Activation activation;
  CountedRows items;                   // of `pixels` rows each
  int tap_delta[kMaxConvolutionTaps];  // elements from tap 0
};

}  // namespace nestor
