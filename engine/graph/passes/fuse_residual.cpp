#include "engine/graph/passes/pass.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/add/add.h"
#include "engine/ops/convolution/convolution.h"

namespace nestor {

Graph fuse_residual(Graph graph) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    if (node.op != &add_op()) continue;
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      Node* conv = rewrite.sole_producer(node.inputs[side], convolution_op());
      if (conv == nullptr) continue;
      auto conv_params = params<ConvolutionParams>(*conv);
      if (is_activated(conv_params) || conv_params.has_residual) continue;
      conv_params.has_residual = true;
      conv->params = conv_params;
      conv->inputs.push_back(node.inputs[1 - side]);
      conv->outputs = node.outputs;
      rewrite.move(*conv, node);  // the residual may be computed after the convolution stood
      break;
    }
  }
  return rewrite.finish();
}

}  // namespace nestor
