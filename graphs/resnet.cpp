// ResNet-101 in three variants, and ResNet-50 v1b: the backbones of GluonCV's detectors (v1b, v1d) and
// segmenters (v1s).
//
//   block    x -> conv1 1x1 -> conv2 3x3, stride here -> conv3 1x1 -> + shortcut -> ReLU
//
//   v1b   stem 7x7 with 64 channels,       shortcut 1x1 with stride
//   v1d   deep stem of width 32,           shortcut average pool, then 1x1
//   v1s   deep stem of width 64,           shortcut 1x1 with stride
//
// Source: dmlc/gluon-cv:gluoncv/model_zoo/resnetv1b.py@v0.7.0.

#include "graphs/resnet.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/check.h"
#include "engine/ops/add/add.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

namespace {

constexpr int kExpansion = 4;

struct Named {
  std::string_view name;
  ResNetConfig config;
};

constexpr Named kConfigs[] = {
    {"resnet50_v1b", {.layers = {3, 4, 6, 3}}},
    {"resnet101_v1b", {}},
    {"resnet101_v1d", {.deep_stem_width = 32, .avg_down = true}},
    {"resnet101_v1s", {.deep_stem_width = 64}},
};

ValueId plain_stem(GraphBuilder& builder, ValueId src) {
  const ConvolutionSpec spec{.channels = 64, .kernel = 7, .stride = 2, .pad = 3};
  return stem_pool(builder, conv_norm(builder, src, "conv1", "bn1", spec, true));
}

ValueId shortcut(GraphBuilder& builder, ValueId src, const ResNetConfig& config,
                 std::int64_t channels, int stride) {
  if (stride == 1 && builder.shape(src)[1] == channels) return src;
  if (config.avg_down) return pooled_shortcut(builder, src, channels, stride);
  return conv_norm(builder, src, "downsample.0", "downsample.1",
                   {.channels = channels, .stride = stride}, false);
}

}  // namespace

ValueId resnet_block(GraphBuilder& builder, ValueId src, const ResNetConfig& config,
                     const BlockPlace& place) {
  const auto [planes, stride, dilation, begins_coarser] = place;
  ValueId x = conv_norm(builder, src, "conv1", "bn1", {.channels = planes}, true);
  const ConvolutionSpec conv2{
      .channels = planes, .kernel = 3, .stride = stride, .pad = dilation, .dilation = dilation};
  x = conv_norm(builder, x, "conv2", "bn2", conv2, true);
  x = conv_norm(builder, x, "conv3", "bn3", {.channels = kExpansion * planes}, false);
  const ValueId skip = shortcut(builder, src, config, kExpansion * planes, stride);
  return relu(builder, add(builder, x, skip, "sum"), "relu");
}

const ResNetConfig* find_resnet(std::string_view name) {
  const auto* found = std::ranges::find(kConfigs, name, &Named::name);
  return found == std::end(kConfigs) ? nullptr : &found->config;
}

Stages resnet_backbone(GraphBuilder& builder, ValueId src, const ResNetConfig& config,
                       Dilation dilation) {
  const ValueId stem = config.deep_stem_width > 0 ? deep_stem(builder, src, config.deep_stem_width)
                                                  : plain_stem(builder, src);
  return stages(
      builder, stem, {.layers = config.layers, .dilation = dilation},
      [&](ValueId x, const BlockPlace& place) { return resnet_block(builder, x, config, place); });
}

void build_resnet(GraphBuilder& builder, ValueId input, const Network& network,
                  const NetworkOptions& options) {
  const ResNetConfig* config = find_resnet(network.name);
  CHECK(config != nullptr, "{} is not a ResNet", network.name);
  const Stages backbone = resnet_backbone(builder, input, *config, Dilation::kNone);
  classification_head(builder, backbone.stage[3], options.num_classes);
}

}  // namespace nestor
