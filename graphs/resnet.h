#pragma once
// ResNet-101 v1b, v1d and v1s, and ResNet-50 v1b (GluonCV's names). See resnet.cpp.

#include "graphs/blocks.h"
#include "graphs/zoo.h"

namespace nestor {

struct ResNetConfig {
  std::array<int, 4> layers = {3, 4, 23, 3};
  int deep_stem_width = 0;  // 0: one 7x7 convolution
  bool avg_down = false;    // shortcut: average pool and 1x1 convolution instead of a strided 1x1
};

// Null if the name is not a ResNet. Names: resnet50_v1b, resnet101_v1b, resnet101_v1d,
// resnet101_v1s.
const ResNetConfig* find_resnet(std::string_view name);

// One residual block. config.layers is not looked at.
ValueId resnet_block(GraphBuilder& builder, ValueId src, const ResNetConfig& config,
                     const BlockPlace& place);

// Taps "layer1" to "layer4".
Stages resnet_backbone(GraphBuilder& builder, ValueId src, const ResNetConfig& config,
                       Dilation dilation);

void build_resnet(GraphBuilder& builder, ValueId input, const Network& network,
                  const NetworkOptions& options);

}  // namespace nestor
