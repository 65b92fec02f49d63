#pragma once
// The least that a network can cost on a device: the fully fused network, whatever a plan fuses.
//
// A shortcut that is merged with conv3 saves writing and reading a residual that is counted here,
// as roofline models do: such a plan may move fewer bytes than the floor.
//
// Launches of that network: convolutions with their epilogues (bias, ReLU, residual), poolings,
// dense layers, and one small attention kernel a block. What costs no pass of its own:
//   - pooled sums leave the grouped convolution's epilogue, so split attention reads W sums and
//     writes radix * W gates an image, at 2 bytes or more each;
//   - the weighting, the sum over radix and the AVD pool happen in the load of the convolution that
//     reads them: it reads the radix parts and the gates;
//   - an average pool in front of a 1x1 convolution happens in its load: it reads what is pooled;
//   - conversions of format.
// Each launch takes the longer of its FLOPs at the peak and its bytes, each read or written once,
// at the device memory's bandwidth.

#include <cstdint>

#include "engine/backend.h"
#include "engine/graph/graph.h"

namespace nestor {

struct FusedFloor {
  std::int64_t bytes = 0;
  double us = 0;
};

// `graph`: after the passes.
FusedFloor fused_floor(const Graph& graph, const DevicePeaks& peaks);

}  // namespace nestor
