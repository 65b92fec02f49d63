#include "engine/ops/fold_batch_norm/fold_batch_norm.h"

#include <fmt/format.h>

#include "engine/graph/passes/pass.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/convolution/convolution.h"

namespace nestor {

Graph fold_batch_norm(Graph graph) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    if (node.op != &batch_norm_op()) continue;
    Node* conv = rewrite.sole_producer(node.inputs[0], convolution_op());
    if (conv == nullptr) continue;
    auto conv_params = params<ConvolutionParams>(*conv);
    if (is_activated(conv_params) || conv_params.has_residual) continue;

    const ValueId weight = conv->inputs[1];
    const ValueId gamma = node.inputs[1], beta = node.inputs[2];
    const ValueId mean = node.inputs[3], variance = node.inputs[4];
    std::vector<ValueId> bias_inputs{gamma, beta, mean, variance};
    if (conv_params.has_bias) bias_inputs.push_back(conv->inputs[2]);
    const std::string folded = fmt::format("{}+{}", conv->name, node.name);
    const ValueId folded_weight = rewrite.add_constant(
        fold_batch_norm_weight_op(), node.params, {weight, gamma, variance}, folded + ".weight");
    const ValueId folded_bias = rewrite.add_constant(fold_batch_norm_bias_op(), node.params,
                                                     std::move(bias_inputs), folded + ".bias");
    conv_params.has_bias = true;
    conv->params = conv_params;
    conv->inputs = {conv->inputs[0], folded_weight, folded_bias};
    conv->outputs = node.outputs;
    rewrite.remove(node);
  }
  return rewrite.finish();
}

}  // namespace nestor
