// Whole networks through a session, against their operators' oracles: named intermediate tensors
// in the order of the network, so that the first wrong stage is reported.

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "engine/graph/builder.h"
#include "graphs/resnest.h"
#include "graphs/resnet.h"
#include "graphs/senet.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/model.h"

namespace nestor {

namespace {

using Names = std::vector<std::string>;

// Stages only: all blocks stay fused. With attention weights: the first block of each stage is
// split into its operators.
const Names kStages{"stem", "layer1", "layer2", "layer3", "layer4"};
const Names kAttention{"layer1.attention", "layer2.attention", "layer3.attention",
                       "layer4.attention"};

void compare(std::span<const Session::Output> got, const std::vector<test::NamedTensor>& expected,
             DType dtype, const std::string& title) {
  REQUIRE(got.size() == expected.size());
  // The network's own outputs come first; taps follow in the order of the network.
  for (std::size_t i = 0; i < got.size(); ++i) {
    const std::size_t at = (i + 1) % got.size();
    INFO(title << ": " << got[at].name);
    CHECK(got[at].name == expected[at].name);
    REQUIRE(got[at].tensor.desc == expected[at].desc);
    CHECK(test::mismatch(test::elements(got[at].tensor), expected[at].data, expected[at].desc.shape,
                         test::network_tolerance(dtype), title + " " + got[at].name) == "");
  }
}

void check_network(const GraphFunction& graph, const Shape& shape, Precision precision,
                   const std::vector<Names>& taps, const std::string& title) {
  const auto model = test::random_model(graph);
  Session session(model, {.precision = precision, .threads = 2, .excluded_variants = {}});
  const test::Images images(shape);
  const DType dtype = precision == Precision::kBf16 ? DType::kBFloat16 : DType::kFloat32;
  Names all;
  for (const Names& names : taps) all.insert(all.end(), names.begin(), names.end());
  const auto expected =
      test::interpret(with_taps(graph(shape), all), model->weights(), images.view());
  for (const Names& names : taps) {
    std::vector<test::NamedTensor> wanted{expected[0]};
    for (const std::string& name : names) {
      wanted.push_back(*std::ranges::find(expected, name, &test::NamedTensor::name));
    }
    compare(session.run(images.view(), names), wanted, dtype,
            fmt::format("{} {}", title, shape.to_string()));
  }
}

void check_named(const char* network, const Shape& shape, Precision precision = Precision::kFp32) {
  const bool attention = std::string_view(network).starts_with("resnest");
  check_network(test::graph_of_network(network), shape, precision,
                attention ? std::vector<Names>{kStages, kAttention} : std::vector<Names>{kStages},
                network);
}

// A backbone of `config`'s family with its last stage as output.
template <class Backbone, class Config>
GraphFunction graph_of_backbone(const Backbone& backbone, const Config& config, Dilation dilation) {
  return [=](const Shape& input) {
    GraphBuilder builder;
    const ValueId image = builder.input("input", {DType::kFloat32, input});
    builder.output("features", backbone(builder, image, config, dilation).stage[3]);
    return builder.finish();
  };
}

constexpr ResNestConfig kSmall{.layers = {1, 1, 2, 2}};

}  // namespace

TEST_CASE("networks: ResNeSt-14 agrees with its oracles at any size", "[networks][cpu]") {
  for (const Shape& shape :
       {Shape{2, 3, 64, 64}, Shape{1, 3, 65, 97}, Shape{1, 3, 32, 32}, Shape{3, 3, 33, 47}}) {
    check_named("resnest14", shape);
  }
}

TEST_CASE("networks: ResNeSt-14 agrees with its oracles in bf16", "[networks][cpu][bf16]") {
  check_named("resnest14", {2, 3, 64, 64}, Precision::kBf16);
  check_named("resnest14", {1, 3, 65, 97}, Precision::kBf16);
}

TEST_CASE("networks: the narrow resnest_mini agrees with its oracles at any size",
          "[networks][cpu]") {
  for (const Shape& shape :
       {Shape{2, 3, 64, 64}, Shape{1, 3, 32, 32}, Shape{3, 3, 33, 47}, Shape{1, 3, 65, 97}}) {
    check_named("resnest_mini", shape);
  }
}

TEST_CASE("networks: resnest_mini agrees with its oracles in bf16", "[networks][cpu][bf16]") {
  check_named("resnest_mini", {2, 3, 64, 64}, Precision::kBf16);
}

TEST_CASE("networks: any radix, cardinality and AVD order", "[networks][cpu]") {
  const std::tuple<int, int, int, bool> rows[] = {
      {1, 1, 64, true}, {4, 1, 64, false}, {2, 2, 40, true}, {1, 2, 40, false},
      {4, 2, 40, true}, {1, 4, 24, true},  {2, 4, 24, false}};
  for (const auto& [radix, cardinality, width, avd_first] : rows) {
    const ResNestConfig config{.layers = {1, 1, 1, 1},
                               .radix = radix,
                               .cardinality = cardinality,
                               .bottleneck_width = width,
                               .avd_first = avd_first};
    check_network(graph_of_backbone(resnest_backbone, config, Dilation::kNone), {1, 3, 41, 57},
                  Precision::kFp32, {kStages, kAttention},
                  fmt::format("{}s{}x{}d {}", radix, cardinality, width, avd_first));
  }
}

TEST_CASE("networks: dilated backbones keep their resolution and agree with their oracles",
          "[networks][cpu]") {
  for (const Dilation dilation : {Dilation::kStride16, Dilation::kStride8}) {
    const auto nest = graph_of_backbone(resnest_backbone, kSmall, dilation);
    const ResNetConfig resnet{.layers = {1, 1, 2, 2}, .deep_stem_width = 64};
    const auto plain = graph_of_backbone(resnet_backbone, resnet, dilation);
    const std::int64_t stride = dilation == Dilation::kStride8 ? 8 : 16;
    for (const GraphFunction& graph : {nest, plain}) {
      const Graph built = graph({1, 3, 33, 41});
      CHECK(built.desc(built.outputs[0].value).shape ==
            Shape{1, 2048, (33 + stride - 1) / stride, (41 + stride - 1) / stride});
    }
    const std::string title = fmt::format("stride {}", stride);
    check_network(nest, {1, 3, 33, 41}, Precision::kFp32, {kStages, kAttention},
                  "resnest " + title);
    check_network(plain, {1, 3, 33, 41}, Precision::kFp32, {kStages}, "resnet " + title);
  }
}

TEST_CASE("networks: the three ResNets agree with their oracles", "[networks][cpu]") {
  for (const ResNetConfig& variant :
       {ResNetConfig{}, ResNetConfig{.deep_stem_width = 32, .avg_down = true},
        ResNetConfig{.deep_stem_width = 64}}) {
    ResNetConfig config = variant;
    for (int& layers : config.layers) layers = 2;
    check_network(graph_of_backbone(resnet_backbone, config, Dilation::kNone), {2, 3, 37, 43},
                  Precision::kFp32, {kStages}, fmt::format("stem {}", config.deep_stem_width));
  }
}

// The last stage of a SENet with few blocks.
Graph small_senet(const Shape& input) {
  GraphBuilder builder;
  const ValueId image = builder.input("input", {DType::kFloat32, input});
  const Stages backbone = senet_backbone(builder, image, {.layers = {1, 2, 2, 1}});
  builder.output("features", backbone.stage[3]);
  return builder.finish();
}

TEST_CASE("networks: SENet agrees with its oracles at any size", "[networks][cpu]") {
  for (const Shape& shape : {Shape{2, 3, 64, 64}, Shape{1, 3, 65, 97}, Shape{3, 3, 33, 47}}) {
    check_network(small_senet, shape, Precision::kFp32, {{}, kStages}, "senet");
  }
}

TEST_CASE("networks: SENet agrees with its oracles in bf16", "[networks][cpu][bf16]") {
  check_network(small_senet, {2, 3, 64, 64}, Precision::kBf16, {kStages}, "senet");
}

const Names kEfficientStages{"stem",     "blocks.0", "blocks.1", "blocks.2", "blocks.3",
                             "blocks.4", "blocks.5", "blocks.6", "head"};

TEST_CASE("networks: EfficientNet agrees with its oracles at any size", "[networks][cpu]") {
  for (const Shape& shape : {Shape{2, 3, 64, 64}, Shape{1, 3, 65, 98}, Shape{1, 3, 32, 47}}) {
    check_network(test::graph_of_network("tf_efficientnet_b2"), shape, Precision::kFp32,
                  {{}, kEfficientStages}, "tf_efficientnet_b2");
  }
  check_network(test::graph_of_network("tf_efficientnet_b4"), {1, 3, 48, 33}, Precision::kFp32,
                {{}, kEfficientStages}, "tf_efficientnet_b4");
}

TEST_CASE("networks: EfficientNet agrees with its oracles in bf16", "[networks][cpu][bf16]") {
  check_network(test::graph_of_network("tf_efficientnet_b2"), {2, 3, 64, 65}, Precision::kBf16,
                {kEfficientStages}, "tf_efficientnet_b2");
}

TEST_CASE("networks: every network of the zoo agrees with its oracles", "[networks][cpu][slow]") {
  for (const char* const name :
       {"resnest26", "resnest50", "resnest101", "resnest50_fast_1s1x64d", "resnest50_fast_2s1x64d",
        "resnest50_fast_4s1x64d", "resnest50_fast_1s2x40d", "resnest50_fast_2s2x40d",
        "resnest50_fast_4s2x40d", "resnest50_fast_1s4x24d", "resnet101_v1b", "resnet101_v1d",
        "resnet101_v1s", "senet_154", "resnest_mini"}) {
    check_named(name, {1, 3, 65, 97});
  }
}

}  // namespace nestor
