#pragma once
// What fused_convolution() gives to the kernels. Internal to kernels/convolution. Plain C++.

#include "kernels/convolution/fused_convolution.h"
#include "kernels/convolution/gemm/args.h"

namespace nestor {

// The geometry of a source says which pixels exist (r, s, stride, pad, h, w) and where its parts
// lie: num_taps is 1, and tap_delta has an entry for each part, taps outside, radix parts inside.
struct FusedGemmArgs {
  ImplicitGemmArgs first;   // with all that the epilogue needs
  ImplicitGemmArgs second;  // num_slices is 0 if there is no shortcut
  const float* gates;       // [n][kFusedRadix][first.group_channels]
  float gate_scale;         // 1/9 with AVD
  int gate_part_pitch, gate_image_pitch;
};

}  // namespace nestor
