#include "weights_convert/synthetic/calibration.h"

#include <algorithm>
#include <memory>

#include "engine/check.h"
#include "engine/graph/builder.h"
#include "engine/model.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/weights/safetensors_header.h"
#include "nestor/session.h"

namespace nestor {

namespace {

using Buffer = std::vector<float>;

// With room for elements of up to four bytes: indices and labels, too.
Buffer make_buffer(const TensorDesc& desc) {
  return Buffer(static_cast<std::size_t>(desc.shape.num_elements()));
}

// A weight file in memory with the weights of one node.
std::vector<std::byte> weight_file_of(const Graph& graph, const Node& node,
                                      std::span<const TensorView> inputs) {
  std::vector<SafetensorsTensor> tensors;
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    const Value& weight = graph.value(node.inputs[i]);
    tensors.push_back({weight.name, DType::kFloat32, &weight.desc.shape});
  }
  const std::string header = format_safetensors_header(tensors, {});
  const auto header_bytes = std::as_bytes(std::span(header));
  std::vector<std::byte> file(header_bytes.begin(), header_bytes.end());
  for (const TensorView& weight : inputs.subspan(1)) {
    const auto* begin = static_cast<const std::byte*>(weight.data);
    file.insert(file.end(), begin, begin + weight.bytes());
  }
  return file;
}

// Convolutions are all of the work, so they run as one-node networks through the engine; on one
// thread, so that the result does not depend on how many there are.
Buffer run_convolution(const Graph& graph, const Node& node, std::span<const TensorView> inputs) {
  const std::vector<std::byte> file = weight_file_of(graph, node, inputs);
  const auto build = [&](const Shape& shape) {
    GraphBuilder builder;
    std::vector<ValueId> ids = {builder.input("input", {DType::kFloat32, shape})};
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      const Value& weight = graph.value(node.inputs[i]);
      ids.push_back(builder.weight(weight.name, weight.desc.shape));
    }
    builder.output("out", builder.add(*node.op, node.params, std::move(ids), node.name));
    return builder.finish();
  };
  const auto model = std::make_shared<const Model>(build, inputs[0].desc.shape,
                                                   WeightFile::parse(file, node.name), "cpu");
  Session session(model, {.precision = Precision::kFp32, .threads = 1});
  const TensorView result = session.run(inputs[0])[0].tensor;
  const auto* begin = result.as<float>();
  return Buffer(begin, begin + result.desc.shape.num_elements());
}

class Run {
 public:
  Run(const Graph& graph, const WeightFunction& weights)
      : graph_(graph), weights_(weights), uses_(use_counts(graph)), values_(graph.values.size()) {}

  void set(ValueId id, std::span<const float> data) { at(id).assign(data.begin(), data.end()); }

  void step(const Node& node) {
    if (node.op == &batch_norm_op()) measure(node);
    std::vector<TensorView> inputs;
    for (const ValueId id : node.inputs) {
      if (graph_.value(id).kind == Value::Kind::kWeight && at(id).empty()) fill(id);
      inputs.push_back({graph_.desc(id), at(id).data()});
    }
    if (node.op == &convolution_op()) {
      at(node.outputs[0]) = run_convolution(graph_, node, inputs);
    } else {
      run_reference(node, inputs);
    }
    // A value is dropped after its last reader: the maps of a deep network are large together.
    for (const ValueId id : node.inputs) {
      if (--uses_[static_cast<std::size_t>(id)] == 0) at(id) = Buffer();
    }
  }

  std::map<std::string, Buffer, std::less<>> take_statistics() { return std::move(statistics_); }

 private:
  Buffer& at(ValueId id) { return values_[static_cast<std::size_t>(id)]; }

  void fill(ValueId id) {
    at(id) = make_buffer(graph_.desc(id));
    weights_(graph_.value(id).name, graph_.desc(id).shape, at(id));
  }

  void run_reference(const Node& node, std::span<const TensorView> inputs) {
    std::vector<MutableTensorView> outputs;
    for (const ValueId id : node.outputs) {
      at(id) = make_buffer(graph_.desc(id));
      outputs.push_back({graph_.desc(id), at(id).data()});
    }
    node.op->reference(node, inputs, outputs);
  }

  // Sets the batch norm's running mean and variance to those of its input.
  void measure(const Node& node) {
    const Shape& shape = graph_.desc(node.inputs[0]).shape;
    const Buffer& src = at(node.inputs[0]);
    const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
    const auto channels = static_cast<std::size_t>(shape[1]);
    Buffer mean(channels), variance(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      double sum = 0, squares = 0;
      for (std::size_t first = c * plane; first < src.size(); first += channels * plane) {
        for (std::size_t i = first; i < first + plane; ++i) {
          sum += src[i];
          squares += static_cast<double>(src[i]) * src[i];
        }
      }
      const double count = static_cast<double>(src.size() / channels);
      const double average = sum / count;
      mean[c] = static_cast<float>(average);
      variance[c] = static_cast<float>(std::max(squares / count - average * average, 0.0));
    }
    record(node.inputs[3], std::move(mean));
    record(node.inputs[4], std::move(variance));
  }

  void record(ValueId id, Buffer values) {
    at(id) = values;
    statistics_.emplace(graph_.value(id).name, std::move(values));
  }

  const Graph& graph_;
  const WeightFunction& weights_;
  std::vector<int> uses_;
  std::vector<Buffer> values_;
  std::map<std::string, Buffer, std::less<>> statistics_;
};

}  // namespace

std::map<std::string, std::vector<float>, std::less<>> batch_statistics(
    const Graph& graph, const WeightFunction& weights, std::span<const float> input) {
  const Shape& shape = graph.desc(graph.inputs[0]).shape;
  CHECK(static_cast<std::int64_t>(input.size()) == shape.num_elements(),
        "calibration has {} input elements, expected {}", input.size(), shape.to_string());
  Run run(graph, weights);
  run.set(graph.inputs[0], input);
  const auto is_norm = [](const Node& node) { return node.op == &batch_norm_op(); };
  const auto last = std::ranges::find_if(graph.nodes.rbegin(), graph.nodes.rend(), is_norm);
  std::for_each(graph.nodes.begin(), last.base(), [&](const Node& node) { run.step(node); });
  return run.take_statistics();
}

}  // namespace nestor
