#pragma once
// The common part of the passes that fuse an activation into the convolution before it.

#include "engine/graph/graph.h"
#include "engine/ops/convolution/convolution.h"

namespace nestor {

// Removes each `activation` that alone reads a convolution without one, and sets the convolution's
// parameter in its place.
Graph fuse_activation(Graph graph, const Op& activation, bool ConvolutionParams::*parameter);

}  // namespace nestor
