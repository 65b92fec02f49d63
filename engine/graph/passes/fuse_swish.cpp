#include "engine/graph/passes/fuse_activation.h"
#include "engine/graph/passes/pass.h"
#include "engine/ops/swish/swish.h"

namespace nestor {

Graph fuse_swish(Graph graph) {
  return fuse_activation(std::move(graph), swish_op(), &ConvolutionParams::swish);
}

}  // namespace nestor
