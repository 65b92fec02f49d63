#include "engine/graph/passes/pass.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

namespace {

// The chain that ends in one attention_sum, all of it read by nobody else.
struct Tail {
  Node* radix_sum = nullptr;  // null with radix 1
  Node* pool = nullptr;
  Node* fc1 = nullptr;
  Node* fc2 = nullptr;
  Node* softmax = nullptr;
};

bool is_fully_connected(const Node& conv, const Graph& graph, int cardinality, bool relu) {
  const auto& p = params<ConvolutionParams>(conv);
  const Shape& weight = graph.desc(conv.inputs[1]).shape;
  return weight[2] == 1 && weight[3] == 1 && p.stride == 1 && p.pad == 0 && p.has_bias &&
         !p.has_residual && p.relu == relu && !p.swish && p.groups == cardinality;
}

bool match(Rewrite& rewrite, const Node& sum, Tail& tail) {
  tail.softmax = rewrite.sole_producer(sum.inputs[1], r_softmax_op());
  if (tail.softmax == nullptr) return false;
  const auto& softmax = params<RSoftmaxParams>(*tail.softmax);
  if (params<AttentionSumParams>(sum).radix != softmax.radix) return false;
  tail.fc2 = rewrite.sole_producer(tail.softmax->inputs[0], convolution_op());
  if (tail.fc2 == nullptr ||
      !is_fully_connected(*tail.fc2, rewrite.graph(), softmax.cardinality, false)) {
    return false;
  }
  tail.fc1 = rewrite.sole_producer(tail.fc2->inputs[0], convolution_op());
  if (tail.fc1 == nullptr ||
      !is_fully_connected(*tail.fc1, rewrite.graph(), softmax.cardinality, true)) {
    return false;
  }
  tail.pool = rewrite.sole_producer(tail.fc1->inputs[0], global_average_pool_op());
  if (tail.pool == nullptr) return false;
  const ValueId splits = sum.inputs[0];
  if (rewrite.graph().desc(sum.outputs[0]).shape[1] > kWidestSplitAttention) return false;
  if (softmax.radix == 1) return tail.pool->inputs[0] == splits;
  tail.radix_sum = rewrite.sole_producer(tail.pool->inputs[0], radix_sum_op());
  return tail.radix_sum != nullptr && tail.radix_sum->inputs[0] == splits &&
         params<RadixSumParams>(*tail.radix_sum).radix == softmax.radix;
}

bool is_avd_pool(const Node& node) {
  const auto& p = params<PoolingParams>(node);
  return p.kind == PoolingParams::Kind::kAverage && p.kernel == 3 && p.pad == 1 &&
         p.count_include_pad && !p.ceil_mode;
}

}  // namespace

Graph fuse_split_attention(Graph graph) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    Tail tail;
    if (node.op != &attention_sum_op() || !match(rewrite, node, tail)) continue;
    const auto& softmax = params<RSoftmaxParams>(*tail.softmax);
    SplitAttentionParams fused{
        .radix = softmax.radix, .cardinality = softmax.cardinality, .pool = {}};
    Node* avd = rewrite.sole_reader(node.outputs[0], pooling_op());
    if (avd != nullptr && is_avd_pool(*avd)) {
      fused.has_pool = true;
      fused.pool = params<PoolingParams>(*avd);
      node.outputs = avd->outputs;
      rewrite.remove(*avd);
    }
    node.op = &split_attention_op();
    node.inputs = {node.inputs[0], tail.fc1->inputs[1], tail.fc1->inputs[2], tail.fc2->inputs[1],
                   tail.fc2->inputs[2]};
    node.params = fused;
    for (const Node* part : {tail.radix_sum, tail.pool, tail.fc1, tail.fc2, tail.softmax}) {
      if (part != nullptr) rewrite.remove(*part);
    }
  }
  return rewrite.finish();
}

}  // namespace nestor
