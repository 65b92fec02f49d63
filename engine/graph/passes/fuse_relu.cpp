#include "engine/graph/passes/pass.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

Graph fuse_relu(Graph graph) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    if (node.op != &relu_op()) continue;
    Node* conv = rewrite.sole_producer(node.inputs[0], convolution_op());
    if (conv == nullptr || is_activated(params<ConvolutionParams>(*conv))) continue;
    auto conv_params = params<ConvolutionParams>(*conv);
    conv_params.relu = true;
    conv->params = conv_params;
    conv->outputs = node.outputs;
    rewrite.remove(node);
  }
  return rewrite.finish();
}

}  // namespace nestor
