#include "graphs/zoo.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/graph/builder.h"
#include "engine/nearest_names.h"
#include "graphs/resnest.h"
#include "graphs/resnet.h"

namespace nestor {

namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;  // of a batch; sizes stay in 64 bits

constexpr EvaluationSetting k64{.input_size = 64, .crop_ratio = 1, .timm_crop_ratio = 1};
constexpr EvaluationSetting k224{};
constexpr EvaluationSetting k256{.input_size = 256};
constexpr EvaluationSetting k320{
    .input_size = 320, .timm_interpolation = "bicubic", .timm_crop_ratio = 0.909};
constexpr EvaluationSetting k416{
    .input_size = 416, .timm_interpolation = "bicubic", .timm_crop_ratio = 0.928};

constexpr Network kNetworks[] = {
    {"resnest14", "resnest", k224, build_resnest},
    {"resnest26", "resnest", k224, build_resnest},
    {"resnest50", "resnest", k224, build_resnest},
    {"resnest101", "resnest", k256, build_resnest},
    {"resnest200", "resnest", k320, build_resnest},
    {"resnest269", "resnest", k416, build_resnest},
    {"resnest50_fast_1s1x64d", "resnest", k224, build_resnest},
    {"resnest50_fast_2s1x64d", "resnest", k224, build_resnest},
    {"resnest50_fast_4s1x64d", "resnest", k224, build_resnest},
    {"resnest50_fast_1s2x40d", "resnest", k224, build_resnest},
    {"resnest50_fast_2s2x40d", "resnest", k224, build_resnest},
    {"resnest50_fast_4s2x40d", "resnest", k224, build_resnest},
    {"resnest50_fast_1s4x24d", "resnest", k224, build_resnest},
    {"resnet101_v1b", "resnet", k224, build_resnet},
    {"resnet101_v1d", "resnet", k224, build_resnet},
    {"resnet101_v1s", "resnet", k224, build_resnet},
    // The demo model of apps/demo: handwritten digits.
    {"resnest_mini", "resnest", k64, build_resnest, /*num_classes=*/10},
};

}  // namespace

std::span<const Network> networks() { return kNetworks; }

const Network* find_network(std::string_view name) {
  const auto* found = std::ranges::find(kNetworks, name, &Network::name);
  return found == std::end(kNetworks) ? nullptr : found;
}

std::string unknown_network(std::string_view name) {
  std::vector<std::string> names;
  for (const Network& network : networks()) names.emplace_back(network.name);
  const std::string meant = did_you_mean(name, names);
  return fmt::format("no network is called '{}'{}", name,
                     meant.empty() ? "; `nestor-convert --list` names all" : meant);
}

Preprocess evaluation_preprocess(const Network& network, std::string_view source) {
  const EvaluationSetting& setting = network.evaluation;
  Preprocess preprocess{.crop_size = setting.input_size, .crop_ratio = setting.crop_ratio};
  if (source == "timm") {
    preprocess.contract = PreprocessContract::kTimm;
    preprocess.crop_ratio = setting.timm_crop_ratio;
    preprocess.interpolation = parse_interpolation(setting.timm_interpolation);
  } else if (source == "resnest") {
    preprocess.contract = PreprocessContract::kResnest;
    preprocess.interpolation = Interpolation::kBicubic;
  }
  return preprocess;
}

Graph build_graph(const Network& network, const NetworkOptions& options, const Shape& input) {
  CHECK_AS(kBadInput, input.rank() == 4 && input[0] > 0 && input[1] == 3,
           "{}: the input is {}, expected [batch, 3, height, width]", network.name,
           input.to_string());
  CHECK_AS(kBadInput, input[2] >= kSmallestInputSide && input[3] >= kSmallestInputSide,
           "{}: the input is {} x {} pixels, the smallest side is {}", network.name, input[3],
           input[2], kSmallestInputSide);
  CHECK_AS(kBadInput, input[2] <= kLargestInputSide && input[3] <= kLargestInputSide,
           "{}: the input is {} x {} pixels, the largest side is {}", network.name, input[3],
           input[2], kLargestInputSide);
  CHECK_AS(kBadInput, input[0] <= kMostPixels / (input[2] * input[3]),
           "{}: a batch of {} images of {} x {} pixels has more than {} pixels", network.name,
           input[0], input[3], input[2], kMostPixels);
  GraphBuilder builder;
  builder.input("input", {DType::kFloat32, input});
  network.build(builder, network, options);
  return builder.finish();
}

std::vector<Parameter> parameters(const Network& network, const NetworkOptions& options) {
  const int size = network.evaluation.input_size;
  const Graph graph = build_graph(network, options, {1, 3, size, size});
  std::vector<Parameter> result;
  for (const Value& value : graph.values) {
    if (value.kind == Value::Kind::kWeight) result.push_back({value.name, value.desc.shape});
  }
  return result;
}

std::int64_t multiply_adds(const Network& network, int height, int width) {
  const Graph graph = build_graph(network, {}, {1, 3, height, width});
  std::int64_t total = 0;
  for (const Node& node : graph.nodes) total += multiply_adds(graph, node);
  return total;
}

}  // namespace nestor
