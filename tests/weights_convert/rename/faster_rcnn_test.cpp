// GluonCV's names of detectors, and what their files hold besides parameters.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "engine/boxes/anchors.h"
#include "nestor/error.h"
#include "weights_convert/detector_constants.h"
#include "weights_convert/rename/match.h"
#include "weights_convert/rename/naming.h"

namespace nestor {

namespace {

const Network& network(std::string_view name) { return *find_network(name); }

std::map<std::string, std::string> gluoncv_names(const Network& detector) {
  const std::vector<Parameter> all = parameters(detector, {80});
  const std::vector<std::string> names = name_table(detector).legacy_names(all);
  std::map<std::string, std::string> result;
  for (std::size_t i = 0; i < all.size(); ++i) result.emplace(all[i].name, names[i]);
  return result;
}

// A tensor that owns its numbers.
struct Constant {
  Constant(std::string name, Shape shape, std::vector<float> numbers)
      : values(std::move(numbers)), tensor{.name = std::move(name), .shape = std::move(shape)} {
    tensor.data = std::as_bytes(std::span(values));
  }
  std::vector<float> values;
  SourceTensor tensor;
};

std::vector<float> anchors_of(const AnchorLevel& level) {
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < level.num_anchors(); ++i) {
    const Box box = anchor({&level, 1}, i);
    numbers.insert(numbers.end(), {box.x1, box.y1, box.x2, box.y2});
  }
  return numbers;
}

}  // namespace

TEST_CASE("GluonCV's names of the ResNeSt detectors", "[rename][convert][cpu]") {
  auto names = gluoncv_names(network("faster_rcnn_fpn_syncbn_resnest50_coco"));
  CHECK(names["features.conv1.0.weight"] == "features.resnest_conv0_weight");
  CHECK(names["features.layer1.0.conv2.fc1.bias"] == "features.resnest_layers1_conv2_bias");
  CHECK(names["features.layer2.0.downsample.2.gamma"] == "features.resnest_down2_batchnorm0_gamma");
  CHECK(names["fpn.lateral5.weight"] == "features.P5_conv_lat_weight");
  CHECK(names["fpn.lateral5_norm.gamma"] == "features.P5_lat_bn_gamma");
  CHECK(names["fpn.lateral4_norm.running_mean"] == "features.P4_conv1_bn_moving_mean");
  CHECK(names["fpn.output2.weight"] == "features.P2_conv1_weight");
  CHECK(names["fpn.output2_norm.running_var"] == "features.P2_bn_moving_var");
  CHECK(names["fpn.output6_norm.beta"] == "features.P6_pre_bn_beta");
  CHECK(names["rpn.conv1.weight"] == "rpn.rpn_head.conv1.0.weight");
  CHECK(names["rpn.loc.bias"] == "rpn.rpn_head.loc.bias");
  CHECK(names["box_head.conv4.weight"] == "box_features.9.weight");
  CHECK(names["box_head.norm4.running_var"] == "box_features.10.running_var");
  CHECK(names["box_head.fc1.bias"] == "box_features.12.bias");
  CHECK(names["class_predictor.weight"] == "class_predictor.weight");
}

TEST_CASE("GluonCV's names of the ResNet detectors", "[rename][convert][cpu]") {
  auto names = gluoncv_names(network("faster_rcnn_fpn_resnet101_v1d_coco"));
  CHECK(names["features.bn1.gamma"] == "features.resnetv1d_batchnorm2_gamma");
  CHECK(names["fpn.lateral3.bias"] == "features.P3_conv_lat_bias");
  CHECK(names["box_head.fc1.weight"] == "box_features.0.weight");
  CHECK(names["box_head.fc2.bias"] == "box_features.2.bias");
  names = gluoncv_names(network("faster_rcnn_fpn_resnet50_v1b_coco"));
  CHECK(names["features.conv1.weight"] == "features.resnetv1b_conv0_weight");
  CHECK(names["features.layer1.0.downsample.0.weight"] == "features.resnetv1b_down1_conv0_weight");
}

TEST_CASE("SyncBN or not, and leftovers of training", "[rename][convert][cpu]") {
  const Network& detector = network("faster_rcnn_fpn_syncbn_resnest50_coco");
  const std::vector<Parameter> all = parameters(detector, {80});
  std::vector<std::string> names = name_table(detector).legacy_names(all);
  for (std::string& name : names) {
    const std::size_t at = name.find("_batchnorm");
    if (at != std::string::npos) name.insert(at + 1, "sync");
  }
  names.push_back("rpn.anchor_generator.3.anchors");
  names.push_back("_target_generator._box_encoder.stds");
  const CanonicalNames found = canonical_names(name_table(detector), all, names);
  CHECK(found.num_found == all.size());
  CHECK(found.prefix.empty());
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(found.names[i] == all[i].name);
  CHECK_FALSE(found.names[all.size()]);
  CHECK_FALSE(found.names[all.size() + 1]);
}

TEST_CASE("classes of detectors are counted in both predictors", "[rename][convert][cpu]") {
  const Network& detector = network("faster_rcnn_fpn_resnest_mini");
  const std::vector<Parameter> all = parameters(detector, {10});
  std::vector<NamedTensor> tensors;
  for (const Parameter& parameter : parameters(detector, {20})) {
    tensors.push_back({parameter.name, parameter.name, {DType::kFloat32, parameter.shape}});
  }
  CHECK(classes_of(all, tensors) == 20);
  const auto box_bias = std::ranges::find(tensors, "box_predictor.bias", &NamedTensor::name);
  box_bias->desc.shape = {84};
  CHECK_FALSE(classes_of(all, tensors));
  box_bias->desc.shape = {79};
  CHECK_FALSE(classes_of(all, tensors));
}

TEST_CASE("the pyramid's gammas are 1, whatever files say", "[rename][convert][cpu]") {
  const Network& detector = network("faster_rcnn_fpn_syncbn_resnest50_coco");
  std::vector<float> gamma{0.5F, 2};
  CHECK(fill_fixed_gamma(detector, "fpn.lateral5_norm.gamma", gamma));
  CHECK(gamma == std::vector<float>{1, 1});
  CHECK_FALSE(fill_fixed_gamma(detector, "fpn.lateral5_norm.beta", gamma));
  CHECK_FALSE(fill_fixed_gamma(detector, "box_head.norm1.gamma", gamma));
  CHECK_FALSE(fill_fixed_gamma(network("resnest50"), "bn1.gamma", gamma));
}

TEST_CASE("anchors and box constants of a file are checked", "[convert][cpu]") {
  Constant anchors("rpn.anchor_generator.1.anchors", {1, 1, 3, 5, 12}, anchors_of({8, 3, 5}));
  Constant stds("_target_generator._box_encoder.stds", {4}, {0.1F, 0.1F, 0.2F, 0.2F});
  Constant means("_target_generator._box_encoder.means", {4}, {0, 0, 0, 0});
  const SourceTensors tensors{&anchors.tensor, &stds.tensor, &means.tensor};
  CHECK_NOTHROW(check_detector_constants(tensors, "file"));
  anchors.values[77] += 1;
  CHECK_THROWS_WITH(check_detector_constants(tensors, "file"),
                    Catch::Contains("rpn.anchor_generator.1.anchors has"));
  anchors.values[77] -= 1;
  stds.values[3] = 0.1F;
  CHECK_THROWS_WITH(check_detector_constants(tensors, "file"), Catch::Contains("stds has 0.1"));
  stds.tensor.shape = {2, 2};
  CHECK_THROWS_WITH(check_detector_constants(tensors, "file"), Catch::Contains("float32 [4]"));
}

}  // namespace nestor
