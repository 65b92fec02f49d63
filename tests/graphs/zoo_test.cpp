#include "graphs/zoo.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "engine/ops/batch_norm/batch_norm.h"
#include "nestor/error.h"

namespace nestor {

namespace {

// Counted in the original frameworks' networks. 0: not counted there.
struct Counts {
  const char* network;
  std::int64_t trainable, running_stats;
  int tensors, batch_norms;
};

constexpr Counts kCounts[] = {
    {"resnest14", 10'611'688, 22'336, 129, 23},
    {"resnest26", 17'069'448, 36'736, 221, 39},
    {"resnest50", 27'483'240, 64'576, 405, 71},
    {"resnest101", 48'275'016, 130'112, 796, 139},
    {"resnest200", 70'201'544, 218'432, 1555, 271},
    {"resnest269", 110'929'480, 314'432, 2084, 363},
    {"senet_154", 115'088'984, 247'552, 987, 0},  // batch norms: not counted there
    {"tf_efficientnet_b2", 9'109'994, 67'568, 0, 0},
    {"tf_efficientnet_b3", 12'233'232, 87'296, 0, 0},
    {"tf_efficientnet_b4", 19'341'616, 125'200, 0, 0},
    {"tf_efficientnet_b5", 30'389'784, 172'736, 0, 0},
    {"tf_efficientnet_b6", 43'040'704, 224'432, 0, 0},
    {"tf_efficientnet_b7", 66'347'960, 310'720, 0, 0},
    {"resnet101_v1b", 44'549'160, 0, 0, 0},
    {"resnet101_v1d", 44'568'392, 0, 0, 0},
    {"resnet101_v1s", 44'672'936, 0, 0, 0},
    {"faster_rcnn_fpn_resnet101_v1d_coco", 63'136'256, 105'472, 562, 0},
    {"faster_rcnn_fpn_syncbn_resnest50_coco", 45'583'392, 71'232, 480, 0},
    {"faster_rcnn_fpn_syncbn_resnest101_coco", 66'375'168, 136'768, 871, 0},
    {"faster_rcnn_fpn_syncbn_resnest269_coco", 129'029'632, 321'088, 2159, 0},
    // With the auxiliary head.
    {"deeplab_resnet101_ade", 61'186'284, 0, 574, 0},
    {"deeplab_resnest50_ade", 43'996'588, 0, 447, 0},
    {"deeplab_resnest101_ade", 64'788'364, 0, 838, 0},
    {"deeplab_resnest200_ade", 86'714'892, 0, 1597, 0},
    {"deeplab_resnest269_ade", 127'442'828, 0, 2126, 0},
};

struct Cost {
  const char* network;
  int size;
  double giga;  // multiply-adds, to the third decimal
};

constexpr Cost kCosts[] = {
    {"resnest14", 224, 2.749},
    {"resnest26", 224, 3.623},
    {"resnest50", 224, 5.371},
    {"resnest101", 224, 10.201},
    {"resnest101", 256, 13.321},
    {"resnest200", 224, 17.408},
    {"resnest200", 256, 22.735},
    {"resnest200", 320, 35.520},
    {"resnest269", 224, 22.434},
    {"resnest269", 320, 45.773},
    {"resnest269", 416, 77.349},
    {"resnest50_fast_2s1x64d", 224, 4.331},
    {"resnest50_fast_4s2x40d", 224, 4.369},
    {"resnest50_fast_1s4x24d", 224, 4.400},
    {"resnet101_v1b", 224, 7.801},
    {"resnet101_v1d", 224, 8.041},
    {"resnet101_v1s", 224, 9.157},
    {"tf_efficientnet_b2", 260, 0.994},
    {"tf_efficientnet_b3", 300, 1.827},
    {"tf_efficientnet_b4", 380, 4.394},
    {"tf_efficientnet_b5", 456, 10.266},
    {"tf_efficientnet_b6", 528, 19.068},
    {"tf_efficientnet_b7", 600, 37.746},
    {"senet_154", 224, 20.688},
    {"senet_154", 320, 42.212},
};

// To the second decimal; without the auxiliary head.
constexpr Cost kSegmenterCosts[] = {
    {"deeplab_resnet101_ade", 480, 218.30},  {"deeplab_resnest50_ade", 480, 146.58},
    {"deeplab_resnest101_ade", 480, 219.89}, {"deeplab_resnest200_ade", 480, 292.09},
    {"deeplab_resnest269_ade", 480, 426.45},
};

// Of 800 x 1333 pixels and 1000 proposals, to the first decimal.
constexpr std::pair<const char*, double> kDetectorCosts[] = {
    {"faster_rcnn_fpn_resnet101_v1d_coco", 458.4},
    {"faster_rcnn_fpn_syncbn_resnest50_coco", 357.1},
    {"faster_rcnn_fpn_syncbn_resnest101_coco", 460.3},
    {"faster_rcnn_fpn_syncbn_resnest269_coco", 721.7},
};

// Millions of parameters, to the second decimal.
constexpr std::pair<const char*, double> kMillions[] = {{"resnest50_fast_2s1x64d", 27.48},
                                                        {"resnest50_fast_4s2x40d", 30.42},
                                                        {"resnest50_fast_1s4x24d", 25.68}};

bool is_running(const std::string& name) {
  return name.ends_with("running_mean") || name.ends_with("running_var");
}

std::int64_t trainable(const Network& network) {
  std::int64_t total = 0;
  for (const Parameter& parameter : parameters(network, {num_classes(network)})) {
    if (!is_running(parameter.name)) total += parameter.shape.num_elements();
  }
  return total;
}

}  // namespace

TEST_CASE("zoo: parameters of every network are those of the specification", "[graphs][cpu]") {
  for (const Counts& expected : kCounts) {
    INFO(expected.network);
    const Network& network = *find_network(expected.network);
    CHECK(trainable(network) == expected.trainable);
    const std::vector<Parameter> all = parameters(network, {});
    if (expected.tensors > 0) CHECK(static_cast<int>(all.size()) == expected.tensors);
    if (expected.running_stats == 0) continue;
    std::int64_t running = 0;
    for (const Parameter& parameter : all) {
      if (is_running(parameter.name)) running += parameter.shape.num_elements();
    }
    CHECK(running == expected.running_stats);
    int batch_norms = 0;
    for (const Node& node : build_graph(network, {}, {1, 3, 64, 64}).nodes) {
      batch_norms += node.op == &batch_norm_op() ? 1 : 0;
    }
    if (expected.batch_norms > 0) CHECK(batch_norms == expected.batch_norms);
  }
  for (const auto& [name, millions] : kMillions) {
    INFO(name);
    const auto total = static_cast<double>(trainable(*find_network(name)));
    CHECK(std::round(total / 1e4) == std::round(millions * 100));
  }
}

TEST_CASE("zoo: multiply-adds of every network are those of the specification", "[graphs][cpu]") {
  for (const Cost& expected : kCosts) {
    INFO(expected.network << " at " << expected.size);
    const auto total = static_cast<double>(
        multiply_adds(*find_network(expected.network), expected.size, expected.size));
    CHECK(std::round(total / 1e6) == std::round(expected.giga * 1e3));
  }
  for (const Cost& expected : kSegmenterCosts) {
    INFO(expected.network << " at " << expected.size);
    const auto total = static_cast<double>(
        multiply_adds(*find_network(expected.network), expected.size, expected.size));
    CHECK(std::round(total / 1e7) == std::round(expected.giga * 1e2));
  }
  for (const auto& [name, giga] : kDetectorCosts) {
    INFO(name);
    const auto total = static_cast<double>(multiply_adds(*find_network(name), 800, 1333));
    CHECK(std::round(total / 1e8) == std::round(giga * 10));
  }
}

TEST_CASE("zoo: the demo model is as small as timm's network that trains it", "[graphs][cpu]") {
  const Network& mini = *find_network("resnest_mini");
  CHECK(num_classes(mini) == 10);
  CHECK(trainable(mini) == 547'906);
  CHECK(evaluation_preprocess(mini, "nestor").crop_size == 64);
  CHECK(evaluation_preprocess(mini, "nestor").crop_ratio == 1);
}

TEST_CASE("zoo: a network's task says what images it wants", "[graphs][cpu]") {
  const Network& network = *find_network("resnest269");
  CHECK(task(network) == Task::kClassification);
  CHECK(nominal_input(network) == Shape{1, 3, 416, 416});
  CHECK(evaluation_preprocess(network, "timm").crop_ratio == 0.928);

  Network detector = network;
  detector.contract = Detection{.short_side = 864, .longest_side = 1440};
  CHECK(task(detector) == Task::kDetection);
  CHECK(num_classes(detector) == 80);
  CHECK(nominal_input(detector) == Shape{1, 3, 864, 1440});
  CHECK(evaluation_preprocess(detector, "gluoncv") ==
        Preprocess{.rule = ResizeRule::kShortSideWithin, .short_side = 864, .longest_side = 1440});
  CHECK_THROWS_AS(classification(detector), Error);

  Network segmenter = network;
  segmenter.contract = Segmentation{};
  CHECK(task(segmenter) == Task::kSegmentation);
  CHECK(num_classes(segmenter) == 150);
  CHECK(evaluation_preprocess(segmenter, "gluoncv").rule == ResizeRule::kNone);
  CHECK_THAT(std::string(to_string(task(segmenter))), Catch::Equals("segmentation"));
}

TEST_CASE("zoo: every classifier has its pooled features", "[graphs][cpu]") {
  const std::map<std::string_view, std::int64_t> narrow = {
      {"resnest_mini", 512},        {"tf_efficientnet_b2", 1408}, {"tf_efficientnet_b3", 1536},
      {"tf_efficientnet_b4", 1792}, {"tf_efficientnet_b6", 2304}, {"tf_efficientnet_b7", 2560}};
  for (const Network& network : networks()) {
    if (task(network) != Task::kClassification) continue;
    const Graph graph = build_graph(network, {}, nominal_input(network));
    const std::string features(classification(network).features);
    REQUIRE(graph.taps.contains(features));
    const Shape& shape = graph.desc(graph.taps.at(features)).shape;
    const auto other = narrow.find(network.name);
    CHECK(shape == Shape{1, other == narrow.end() ? 2048 : other->second, 1, 1});
  }
}

TEST_CASE("zoo: a segmenter's auxiliary head is listed, and in no graph that runs",
          "[graphs][cpu]") {
  const Network& network = *find_network("deeplab_resnest50_ade");
  const std::vector<Parameter> all = parameters(network, {.num_classes = 21});
  CHECK(all.back().name == "auxlayer.block.4.bias");
  std::vector<std::string> per_class;
  for (const Parameter& parameter : all) {
    CHECK(parameter.optional == parameter.name.starts_with("auxlayer."));
    if (parameter.per_class) per_class.push_back(parameter.name);
  }
  CHECK(per_class == std::vector<std::string>{"head.block.4.weight", "head.block.4.bias",
                                              "auxlayer.block.4.weight", "auxlayer.block.4.bias"});
  for (const Value& value : build_graph(network, {.num_classes = 21}, {1, 3, 65, 97}).values) {
    CHECK(!value.name.starts_with("auxlayer"));
  }
}

TEST_CASE("zoo: a segmenter takes any size that GluonCV's does", "[graphs][cpu]") {
  const Network& resnest = *find_network("deeplab_resnest101_ade");
  CHECK_NOTHROW(build_graph(resnest, {}, {1, 3, 5, 600}));
  CHECK_THROWS_WITH(build_graph(resnest, {}, {1, 3, 5, 4}),
                    "deeplab_resnest101_ade: the input is 4 x 5 pixels, the smallest side is 5");
  const Graph one = build_graph(*find_network("deeplab_resnet101_ade"), {}, {1, 3, 1, 1});
  CHECK(one.desc(one.outputs[0].value) == TensorDesc{DType::kInt32, {1, 1, 1}});
  const Graph two = build_graph(resnest, {.num_classes = 150}, {2, 3, 65, 97});
  CHECK(two.desc(two.outputs[0].value) == TensorDesc{DType::kUInt8, {2, 65, 97}});
  CHECK(two.desc(two.taps.at("layer4")).shape == Shape{2, 2048, 9, 13});
}

TEST_CASE("zoo: the digit segmenter is small", "[graphs][cpu]") {
  const Network& mini = *find_network("deeplab_resnest_mini");
  CHECK(num_classes(mini) == 11);
  CHECK(nominal_input(mini) == Shape{1, 3, 192, 192});
  const std::vector<Parameter> all = parameters(mini, {.num_classes = 11});
  CHECK(all.back().name == "head.block.4.bias");
  CHECK(2 * trainable(mini) < 3'000'000);  // bytes in float16
}

TEST_CASE("zoo: EfficientNets of another source are evaluated as timm does", "[graphs][cpu]") {
  const Network& network = *find_network("tf_efficientnet_b4");
  for (const char* const source : {"timm", "nestor", "synthetic"}) {
    const Preprocess preprocess = evaluation_preprocess(network, source);
    CHECK(preprocess.contract == PreprocessContract::kTimm);
    CHECK(preprocess.interpolation == Interpolation::kBicubic);
    CHECK(preprocess.crop_size == 380);
    CHECK(preprocess.crop_ratio == 0.922);
  }
}

TEST_CASE("zoo: names are unique, structural and in the file's order", "[graphs][cpu]") {
  const std::vector<Parameter> all = parameters(*find_network("resnest50"), {.num_classes = 10});
  CHECK(all.front().name == "conv1.0.weight");
  CHECK(all.back().name == "fc.bias");
  CHECK(all.back().shape == Shape{10});
  for (const char* const name :
       {"conv1.1.gamma", "bn1.running_var", "layer1.0.conv2.conv.weight", "layer1.0.conv2.bn.beta",
        "layer1.0.conv2.fc1.bias", "layer1.0.conv2.bn1.gamma", "layer1.0.conv2.fc2.weight",
        "layer4.2.conv3.weight", "layer2.0.downsample.1.weight", "layer2.0.downsample.2.gamma"}) {
    INFO(name);
    CHECK(std::ranges::count(all, name, &Parameter::name) == 1);
  }
  CHECK(find_network("resnest51") == nullptr);
}

TEST_CASE("zoo: inputs that a network cannot take are bad input", "[graphs][cpu]") {
  const Network& network = *find_network("resnest14");
  const Shape wrong[] = {{1, 3, 31, 32}, {1, 3, 32, 31}, {0, 3, 64, 64},
                         {1, 4, 64, 64}, {3, 64, 64},    {},
                         {-1, 3, 64, 64}};
  for (const Shape& shape : wrong) {
    INFO(shape.to_string());
    try {
      build_graph(network, {}, shape);
      FAIL("nothing was thrown");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kBadInput);
      CHECK_THAT(error.what(), Catch::StartsWith("resnest14: "));
    }
  }
  CHECK_NOTHROW(build_graph(network, {}, {1, 3, 32, 32}));
}

}  // namespace nestor
