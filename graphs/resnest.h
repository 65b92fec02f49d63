#pragma once
// ResNeSt (arXiv:2004.08955): ResNet-D with split attention. See resnest.cpp.

#include "graphs/blocks.h"
#include "graphs/zoo.h"

namespace nestor {

struct ResNestConfig {
  std::array<int, 4> layers = {3, 4, 6, 3};
  int stem_width = 32;
  int radix = 2;
  int cardinality = 1;
  int bottleneck_width = 64;  // channels inside the blocks for every 64 planes and group
  // The AVD pool before the split-attention convolution ("fast") or after it.
  bool avd_first = false;
  int planes = 64;  // output channels of the first stage's blocks / 4; doubled from stage to stage
};

// Null if the name is not a ResNeSt. Names: resnest50, resnest50_fast_2s1x64d, ...
const ResNestConfig* find_resnest(std::string_view name);

// One residual block. config.planes and layers are not looked at.
ValueId resnest_block(GraphBuilder& builder, ValueId src, const ResNestConfig& config,
                      const BlockPlace& place);

// Taps "layer1" to "layer4", and "layerK.attention", the attention weights of each stage's first
// block.
Stages resnest_backbone(GraphBuilder& builder, ValueId src, const ResNestConfig& config,
                        Dilation dilation);

void build_resnest(GraphBuilder& builder, ValueId input, const Network& network,
                   const NetworkOptions& options);

}  // namespace nestor
