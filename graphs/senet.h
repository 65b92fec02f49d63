#pragma once
// SENet-154 (arXiv:1709.01507). See senet.cpp.

#include <array>

#include "graphs/blocks.h"
#include "graphs/zoo.h"

namespace nestor {

struct SeNetConfig {
  std::array<int, 4> layers = {3, 8, 36, 3};
  int groups = 64;
};

// Null if the name is not a SENet. Names: senet_154.
const SeNetConfig* find_senet(std::string_view name);

// Taps "stem" and "layer1" to "layer4".
Stages senet_backbone(GraphBuilder& builder, ValueId src, const SeNetConfig& config);

void build_senet(GraphBuilder& builder, ValueId input, const Network& network,
                 const NetworkOptions& options);

}  // namespace nestor
