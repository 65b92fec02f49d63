#include "engine/plan/fused_floor.h"

#include <algorithm>

#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

namespace {

constexpr int kSmallElementBytes = 2;  // of attention and dense layers at least

class Sum {
 public:
  Sum(const Graph& graph, const DevicePeaks& peaks)
      : graph_(graph), peaks_(peaks), producers_(producers(graph)), readers_(readers(graph)) {}

  FusedFloor run() {
    for (const Node& node : graph_.nodes) {
      if (!is_constant(graph_, node)) add(node);
    }
    return floor_;
  }

 private:
  void add(const Node& node) {
    if (is_folded(node)) return;
    if (node.op == &split_attention_op()) {
      add_attention(node);
      return;
    }
    std::int64_t elements = 0;
    for (const ValueId id : node.outputs) elements += count(id);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const bool is_source = i == 0 && node.op == &convolution_op();
      elements += is_source ? source_elements(node.inputs[0]) : count(node.inputs[i]);
    }
    add_launch(multiply_adds(graph_, node), elements, node.op == &dense_op());
  }

  // Sums in, gates out, the two layers' weights without their biases.
  void add_attention(const Node& node) {
    const auto& p = params<SplitAttentionParams>(node);
    const Shape& src = graph_.desc(node.inputs[0]).shape;
    const std::int64_t gates = src[0] * src[1];
    const std::int64_t elements =
        gates / p.radix + gates + count(node.inputs[1]) + count(node.inputs[3]);
    add_launch(multiply_adds(graph_, node), elements, /*small=*/true);
  }

  void add_launch(std::int64_t multiply_adds, std::int64_t elements, bool small) {
    const int element_bytes =
        small ? std::max(peaks_.element_bytes, kSmallElementBytes) : peaks_.element_bytes;
    const std::int64_t bytes = elements * element_bytes;
    floor_.bytes += bytes;
    floor_.us += std::max(2.0 * static_cast<double>(multiply_adds) / peaks_.flops_per_us,
                          static_cast<double>(bytes) / peaks_.bytes_per_us);
  }

  // What a convolution reads of a value that costs no pass of its own.
  std::int64_t source_elements(ValueId id) const {
    const Node* const producer = producer_of(id);
    if (producer == nullptr) return count(id);
    const std::int64_t source = count(producer->inputs[0]);
    if (producer->op == &split_attention_op()) {
      const Shape& src = graph_.desc(producer->inputs[0]).shape;
      return source + src[0] * src[1];
    }
    return is_folded(*producer) ? source : count(id);
  }

  // An average pool that a 1x1 convolution alone reads.
  bool is_folded(const Node& node) const {
    if (node.op != &pooling_op() ||
        params<PoolingParams>(node).kind != PoolingParams::Kind::kAverage) {
      return false;
    }
    const std::vector<int>& readers = readers_[static_cast<std::size_t>(node.outputs[0])];
    return std::ranges::all_of(readers, [&](int idx) {
      const Node& reader = graph_.nodes[static_cast<std::size_t>(idx)];
      if (reader.op != &convolution_op()) return false;
      const Shape& weight = graph_.desc(reader.inputs[1]).shape;
      return weight[2] == 1 && weight[3] == 1;
    });
  }

  const Node* producer_of(ValueId id) const {
    const int idx = producers_[static_cast<std::size_t>(id)];
    return idx < 0 ? nullptr : &graph_.nodes[static_cast<std::size_t>(idx)];
  }

  std::int64_t count(ValueId id) const { return graph_.desc(id).shape.num_elements(); }

  const Graph& graph_;
  const DevicePeaks& peaks_;
  std::vector<int> producers_;
  std::vector<std::vector<int>> readers_;
  FusedFloor floor_;
};

}  // namespace

FusedFloor fused_floor(const Graph& graph, const DevicePeaks& peaks) {
  return Sum(graph, peaks).run();
}

}  // namespace nestor
