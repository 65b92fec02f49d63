#include "engine/graph/passes/fuse_activation.h"
#include "engine/graph/passes/pass.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

namespace {

Graph fuse_into_dense(Graph graph) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    if (node.op != &relu_op()) continue;
    Node* dense = rewrite.sole_producer(node.inputs[0], dense_op());
    if (dense == nullptr) continue;
    dense->params = DenseParams{.relu = true};
    dense->outputs = node.outputs;
    rewrite.remove(node);
  }
  return rewrite.finish();
}

}  // namespace

Graph fuse_relu(Graph graph) {
  return fuse_into_dense(fuse_activation(std::move(graph), relu_op(), &ConvolutionParams::relu));
}

}  // namespace nestor
