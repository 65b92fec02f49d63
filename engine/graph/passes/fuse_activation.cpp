#include "engine/graph/passes/fuse_activation.h"

#include "engine/graph/passes/rewrite.h"

namespace nestor {

Graph fuse_activation(Graph graph, const Op& activation, bool ConvolutionParams::*parameter) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    if (node.op != &activation) continue;
    Node* conv = rewrite.sole_producer(node.inputs[0], convolution_op());
    if (conv == nullptr || is_activated(params<ConvolutionParams>(*conv))) continue;
    auto conv_params = params<ConvolutionParams>(*conv);
    conv_params.*parameter = true;
    conv->params = conv_params;
    conv->outputs = node.outputs;
    rewrite.remove(node);
  }
  return rewrite.finish();
}

}  // namespace nestor
