#include "engine/graph/passes/fuse_activation.h"
#include "engine/graph/passes/pass.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

Graph fuse_relu(Graph graph) {
  return fuse_activation(std::move(graph), relu_op(), &ConvolutionParams::relu);
}

}  // namespace nestor
