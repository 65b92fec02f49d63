#include <fmt/format.h>

#include "engine/graph/passes/fuse_loads.h"
#include "engine/graph/passes/pointwise.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

Graph fuse_attention_sum(Graph graph, const Pays& pays) {
  Rewrite rewrite(std::move(graph));
  Graph& to = rewrite.graph();
  for (Node& attention : to.nodes) {
    if (attention.op != &split_attention_op()) continue;
    const auto& p = params<SplitAttentionParams>(attention);
    Node* const conv = rewrite.sole_reader(attention.outputs[0], convolution_op());
    if (p.gates_only || conv == nullptr || !is_pointwise(to, *conv) ||
        conv->inputs[0] != attention.outputs[0]) {
      continue;
    }
    const auto& conv_params = params<ConvolutionParams>(*conv);
    if (conv_params.stride != 1) continue;

    Node gates = attention, fused = *conv;
    gates.params = SplitAttentionParams{
        .radix = p.radix, .cardinality = p.cardinality, .pool = {}, .gates_only = true};
    gates.name += ".gates";
    gates.outputs.clear();
    add_outputs(to, gates, Value::Kind::kComputed);
    fused.op = &fused_convolution_op();
    fused.params =
        FusedConvolutionParams{.source = {.radix = p.radix, .has_pool = p.has_pool, .pool = p.pool},
                               .shortcut = {},
                               .has_residual = conv_params.has_residual,
                               .relu = conv_params.relu};
    fused.inputs[0] = attention.inputs[0];
    fused.inputs.insert(fused.inputs.begin() + 3, gates.outputs[0]);
    const Node apart[] = {attention, *conv}, together[] = {gates, fused};
    if (!pays(to, apart, together)) {
      to.values.pop_back();
      continue;
    }
    attention = std::move(gates);
    *conv = std::move(fused);
  }
  return rewrite.finish();
}

}  // namespace nestor
