// A 1x1 convolution reads concatenated inputs: it becomes a sum of convolutions, one an input, each
// on its slice of the weight, and the concatenation is never stored. An input that is constant over
// each image, because it was resized from a single pixel, becomes a bias of the image's own.
//
//   concat(a, b, resize(v)) -> conv     conv(v) -> bias_v
//                                       conv(a) -> + bias_v -> conv(b) + that [-> ReLU]
//
// Copying and reading the concatenation moves more bytes than adding up in place does.

#include <fmt/format.h>

#include <utility>

#include "engine/graph/passes/pass.h"
#include "engine/ops/concat/concat.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/image_bias/image_bias.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "engine/ops/weight_slice/weight_slice.h"

namespace nestor {

namespace {

bool is_projection(const Graph& graph, const Node& node) {
  if (node.op != &convolution_op()) return false;
  const auto& p = params<ConvolutionParams>(node);
  const Shape& weight = graph.desc(node.inputs[1]).shape;
  return weight[2] == 1 && weight[3] == 1 && p.stride == 1 && p.pad == 0 && p.groups == 1 &&
         !p.has_residual;
}

// What a value was resized from if that is one pixel; -1: it is not.
ValueId pooled_source(const Graph& graph, const std::vector<int>& producers, ValueId value) {
  const int idx = producers[static_cast<std::size_t>(value)];
  if (idx < 0) return -1;
  const Node& node = graph.nodes[static_cast<std::size_t>(idx)];
  if (node.op != &resize_bilinear_op()) return -1;
  const Shape& src = graph.desc(node.inputs[0]).shape;
  return src[2] == 1 && src[3] == 1 ? node.inputs[0] : -1;
}

// One projection being split: its parts go to `nodes`.
class Split {
 public:
  Split(Graph& graph, std::vector<Node>& nodes, const Node& whole)
      : graph_(graph),
        nodes_(nodes),
        whole_(whole),
        params_(params<ConvolutionParams>(whole)),
        has_bias_to_come_(params_.has_bias) {}

  // The convolution of `src`, whose channels begin at `channel` of the concatenation, plus what
  // `sum` is. The first one called has the bias.
  ValueId convolve(ValueId src, std::int64_t channel, ValueId sum) {
    Node node = part(src, channel);
    auto p = params_;
    p.relu = p.swish = false;
    p.has_bias = std::exchange(has_bias_to_come_, false);
    if (p.has_bias) node.inputs.push_back(whole_.inputs[2]);
    p.has_residual = sum >= 0;
    if (p.has_residual) node.inputs.push_back(sum);
    node.params = p;
    return add(std::move(node));
  }

  ValueId add_image_bias(ValueId sum, ValueId bias) {
    return add({&image_bias_op(), {}, {sum, bias}, {}, whole_.name + ".image_bias"});
  }

  // Makes the last convolution that was added end as the whole does.
  void end() {
    Node& last = nodes_.back();
    auto p = params<ConvolutionParams>(last);
    p.relu = params_.relu;
    p.swish = params_.swish;
    last.params = p;
    last.outputs = whole_.outputs;
  }

 private:
  Node part(ValueId src, std::int64_t channel) {
    const std::int64_t channels = graph_.desc(src).shape[1];
    const Value& weight = graph_.value(whole_.inputs[1]);
    Node slice{&weight_slice_op(),
               WeightSliceParams{{channel, channels}, {0, 1}, {0, 1}},
               {whole_.inputs[1]},
               {},
               fmt::format("{}[:, {}:{}]", weight.name, channel, channel + channels)};
    add_outputs(graph_, slice, Value::Kind::kConstant);
    nodes_.push_back(std::move(slice));
    return {&convolution_op(),
            {},
            {src, nodes_.back().outputs[0]},
            {},
            fmt::format("{}[{}:{}]", whole_.name, channel, channel + channels)};
  }

  ValueId add(Node node) {
    add_outputs(graph_, node, Value::Kind::kComputed);
    nodes_.push_back(std::move(node));
    return nodes_.back().outputs[0];
  }

  Graph& graph_;
  std::vector<Node>& nodes_;
  const Node& whole_;
  ConvolutionParams params_;
  bool has_bias_to_come_;
};

struct Part {
  ValueId src;
  std::int64_t channel;  // its first one, of the concatenation
};

// What the node concat of `graph` joins: maps, and what its pooled inputs were resized from.
struct Parts {
  std::vector<Part> maps, pooled;
};

Parts parts_of(const Graph& graph, const std::vector<int>& producers, const Node& concat) {
  Parts parts;
  std::int64_t channel = 0;
  for (const ValueId input : concat.inputs) {
    const ValueId pooled = pooled_source(graph, producers, input);
    if (pooled >= 0) {
      parts.pooled.push_back({pooled, channel});
    } else {
      parts.maps.push_back({input, channel});
    }
    channel += graph.desc(input).shape[1];
  }
  return parts;
}

void split(Graph& graph, std::vector<Node>& nodes, const Node& whole, const Parts& parts) {
  Split result(graph, nodes, whole);
  ValueId bias = -1, sum = -1;
  for (const auto& [src, channel] : parts.pooled) bias = result.convolve(src, channel, bias);
  for (const auto& [src, channel] : parts.maps) {
    sum = result.convolve(src, channel, sum);
    if (bias >= 0) sum = result.add_image_bias(sum, std::exchange(bias, -1));
  }
  result.end();
}

}  // namespace

Graph split_projection(Graph graph) {
  const std::vector<int> producer = producers(graph), uses = use_counts(graph);
  std::vector<Node> nodes;
  for (const Node& node : std::vector<Node>(graph.nodes)) {
    const int before =
        is_projection(graph, node) ? producer[static_cast<std::size_t>(node.inputs[0])] : -1;
    if (before >= 0 && graph.nodes[static_cast<std::size_t>(before)].op == &concat_op() &&
        uses[static_cast<std::size_t>(node.inputs[0])] == 1) {
      const Parts parts = parts_of(graph, producer, graph.nodes[static_cast<std::size_t>(before)]);
      // Of a single map, the image's bias would come after the activation.
      if (parts.maps.size() > 1) {
        split(graph, nodes, node, parts);
        continue;
      }
    }
    nodes.push_back(node);
  }
  graph.nodes = std::move(nodes);
  return graph;
}

}  // namespace nestor
