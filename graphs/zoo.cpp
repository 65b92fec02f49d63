#include "graphs/zoo.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/graph/builder.h"
#include "engine/nearest_names.h"
#include "graphs/deeplab.h"
#include "graphs/efficientnet.h"
#include "graphs/faster_rcnn.h"
#include "graphs/resnest.h"
#include "graphs/resnet.h"
#include "graphs/senet.h"

namespace nestor {

namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;  // of a batch; sizes stay in 64 bits

constexpr Classification k224{};
constexpr Classification k224TimmBicubic{.evaluation = {.timm_interpolation = "bicubic"}};
constexpr Classification k256{.evaluation = {.input_size = 256}};
constexpr Classification k320{.evaluation = {
                                  .input_size = 320,
                                  .timm_interpolation = "bicubic",
                                  .timm_crop_ratio = 0.909,
                              }};
constexpr Classification k416{.evaluation = {
                                  .input_size = 416,
                                  .timm_interpolation = "bicubic",
                                  .timm_crop_ratio = 0.928,
                              }};
// EfficientNets, which timm alone publishes.
constexpr Classification efficient(int input_size, double crop_ratio) {
  return {.evaluation = {.input_size = input_size,
                         .crop_ratio = crop_ratio,
                         .timm_interpolation = "bicubic",
                         .timm_crop_ratio = crop_ratio},
          .published_by = "timm"};
}

// Handwritten digits.
constexpr Classification kDigits{
    .evaluation = {.input_size = 64, .crop_ratio = 1, .timm_crop_ratio = 1}, .num_classes = 10};

constexpr Detection kCoco{};
constexpr Detection kCoco864{.short_side = 864, .longest_side = 1440};
// Handwritten digits on photos.
constexpr Detection kDigitBoxes{.short_side = 256, .longest_side = 512, .num_classes = 10};
constexpr Segmentation kAde{};
// No pool in its shortcuts: an image may be a pixel.
constexpr Segmentation kAdeFromOnePixel{.smallest_side = 1};
// Digits 0 to 9 on photos, and the background.
constexpr Segmentation kDigitScenes{.crop_size = 192, .num_classes = 11, .auxiliary = {}};

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
    {"resnest50_fast_4s2x40d", "resnest", k224TimmBicubic, build_resnest},
    {"resnest50_fast_1s4x24d", "resnest", k224TimmBicubic, build_resnest},
    {"resnet101_v1b", "resnet", k224TimmBicubic, build_resnet},
    {"resnet101_v1d", "resnet", k224TimmBicubic, build_resnet},
    {"resnet101_v1s", "resnet", k224TimmBicubic, build_resnet},
    {"senet_154", "senet", k224, build_senet},
    {"tf_efficientnet_b2", "efficientnet", efficient(260, 0.89), build_efficientnet},
    {"tf_efficientnet_b3", "efficientnet", efficient(300, 0.904), build_efficientnet},
    {"tf_efficientnet_b4", "efficientnet", efficient(380, 0.922), build_efficientnet},
    {"tf_efficientnet_b5", "efficientnet", efficient(456, 0.934), build_efficientnet},
    {"tf_efficientnet_b6", "efficientnet", efficient(528, 0.942), build_efficientnet},
    {"tf_efficientnet_b7", "efficientnet", efficient(600, 0.949), build_efficientnet},
    {"faster_rcnn_fpn_resnet50_v1b_coco", "faster_rcnn", kCoco, build_faster_rcnn},
    {"faster_rcnn_fpn_resnet101_v1d_coco", "faster_rcnn", kCoco, build_faster_rcnn},
    {"faster_rcnn_fpn_syncbn_resnest50_coco", "faster_rcnn", kCoco, build_faster_rcnn},
    {"faster_rcnn_fpn_syncbn_resnest101_coco", "faster_rcnn", kCoco, build_faster_rcnn},
    {"faster_rcnn_fpn_syncbn_resnest269_coco", "faster_rcnn", kCoco864, build_faster_rcnn},
    {"deeplab_resnet101_ade", "deeplab", kAdeFromOnePixel, build_deeplab},
    {"deeplab_resnest50_ade", "deeplab", kAde, build_deeplab},
    {"deeplab_resnest101_ade", "deeplab", kAde, build_deeplab},
    {"deeplab_resnest200_ade", "deeplab", kAde, build_deeplab},
    {"deeplab_resnest269_ade", "deeplab", kAde, build_deeplab},
    // The demo models of apps/demo.
    {"resnest_mini", "resnest", kDigits, build_resnest},
    {"faster_rcnn_fpn_resnest_mini", "faster_rcnn", kDigitBoxes, build_faster_rcnn},
    {"deeplab_resnest_mini", "deeplab", kDigitScenes, build_deeplab},
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

Task task(const Network& network) { return static_cast<Task>(network.contract.index()); }

int num_classes(const Network& network) {
  return std::visit([](const auto& contract) { return contract.num_classes; }, network.contract);
}

int smallest_side(const Network& network) {
  return std::visit([](const auto& contract) { return contract.smallest_side; }, network.contract);
}

const Classification& classification(const Network& network) {
  const auto* const contract = std::get_if<Classification>(&network.contract);
  CHECK_AS(kUnsupported, contract != nullptr, "{} is a network for {}, expected classification",
           network.name, to_string(task(network)));
  return *contract;
}

namespace {

struct NominalSize {
  Shape operator()(const Classification& contract) const {
    return {1, 3, contract.evaluation.input_size, contract.evaluation.input_size};
  }
  Shape operator()(const Detection& contract) const {
    return {1, 3, contract.short_side, contract.longest_side};
  }
  Shape operator()(const Segmentation& contract) const {
    return {1, 3, contract.crop_size, contract.crop_size};
  }
};

Preprocess of_source(std::string_view source, const Classification& contract) {
  const EvaluationSetting& setting = contract.evaluation;
  Preprocess preprocess{.crop_size = setting.input_size, .crop_ratio = setting.crop_ratio};
  const bool resnest = source == "resnest";
  if (source == "timm" || source == "cadene" || (!resnest && contract.published_by == "timm")) {
    preprocess.contract = PreprocessContract::kTimm;
    preprocess.crop_ratio = setting.timm_crop_ratio;
    preprocess.interpolation = parse_interpolation(setting.timm_interpolation);
  } else if (resnest) {
    preprocess.contract = PreprocessContract::kResnest;
    preprocess.interpolation = Interpolation::kBicubic;
  }
  return preprocess;
}

// Detectors and segmenters are published by GluonCV alone.
struct PreprocessOf {
  std::string_view source;

  Preprocess operator()(const Classification& contract) const {
    return of_source(source, contract);
  }
  Preprocess operator()(const Detection& contract) const {
    return {.rule = ResizeRule::kShortSideWithin,
            .short_side = contract.short_side,
            .longest_side = contract.longest_side};
  }
  Preprocess operator()(const Segmentation& contract) const {
    return {.crop_size = contract.crop_size, .rule = ResizeRule::kNone};
  }
};

}  // namespace

Shape nominal_input(const Network& network) { return std::visit(NominalSize{}, network.contract); }

Preprocess evaluation_preprocess(const Network& network, std::string_view source) {
  return std::visit(PreprocessOf{source}, network.contract);
}

Graph build_graph(const Network& network, const NetworkOptions& options, const Shape& input) {
  CHECK_AS(kBadInput, input.rank() == 4 && input[0] > 0 && input[1] == 3,
           "{}: the input is {}, expected [batch, 3, height, width]", network.name,
           input.to_string());
  const int smallest = smallest_side(network);
  CHECK_AS(kBadInput, input[2] >= smallest && input[3] >= smallest,
           "{}: the input is {} x {} pixels, the smallest side is {}", network.name, input[3],
           input[2], smallest);
  CHECK_AS(kBadInput, input[2] <= kLargestInputSide && input[3] <= kLargestInputSide,
           "{}: the input is {} x {} pixels, the largest side is {}", network.name, input[3],
           input[2], kLargestInputSide);
  CHECK_AS(kBadInput, input[0] <= kMostPixels / (input[2] * input[3]),
           "{}: a batch of {} images of {} x {} pixels has more than {} pixels", network.name,
           input[0], input[3], input[2], kMostPixels);
  GraphBuilder builder;
  const ValueId images = builder.input("input", {DType::kFloat32, input});
  network.build(builder, images, network, options);
  return builder.finish();
}

namespace {

bool has_auxiliary_head(const Network& network) {
  const auto* const segmentation = std::get_if<Segmentation>(&network.contract);
  return segmentation != nullptr && !segmentation->auxiliary.empty();
}

// Weights of the network, those that only training uses, too.
std::vector<Parameter> all_weights(const Network& network, int num_classes) {
  const Graph graph =
      build_graph(network, {.num_classes = num_classes, .auxiliary = has_auxiliary_head(network)},
                  nominal_input(network));
  std::vector<Parameter> result;
  for (const Value& value : graph.values) {
    if (value.kind == Value::Kind::kWeight) result.push_back({value.name, value.desc.shape});
  }
  return result;
}

}  // namespace

std::vector<Parameter> parameters(const Network& network, const NetworkOptions& options) {
  std::vector<Parameter> result = all_weights(network, options.num_classes);
  const std::vector<Parameter> with_another_class = all_weights(network, options.num_classes + 1);
  const auto* const segmentation = std::get_if<Segmentation>(&network.contract);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const Shape& larger = with_another_class[i].shape;
    result[i].per_class = result[i].shape != larger;
    if (result[i].per_class) {
      result[i].rows_of_class = larger[0] - result[i].shape[0];
      result[i].other_rows = result[i].shape[0] - options.num_classes * result[i].rows_of_class;
    }
    result[i].optional =
        has_auxiliary_head(network) && result[i].name.starts_with(segmentation->auxiliary);
  }
  return result;
}

std::int64_t multiply_adds(const Network& network, int height, int width) {
  const Graph graph =
      build_graph(network, {.num_classes = num_classes(network)}, {1, 3, height, width});
  std::int64_t total = 0;
  for (const Node& node : graph.nodes) total += multiply_adds(graph, node);
  return total;
}

}  // namespace nestor
