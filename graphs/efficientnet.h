#pragma once
// EfficientNet B2 to B7 (arXiv:1905.11946) as TensorFlow pads them. See efficientnet.cpp.

#include "engine/graph/builder.h"
#include "graphs/zoo.h"

namespace nestor {

// By how much a network is larger than B0.
struct EfficientNetConfig {
  double width = 1;  // channels
  double depth = 1;  // blocks of a stage
};

// Null if the name is not an EfficientNet. Names: tf_efficientnet_b2 to tf_efficientnet_b7.
const EfficientNetConfig* find_efficientnet(std::string_view name);

// Taps "stem", "blocks.0" to "blocks.6" and "head".
void build_efficientnet(GraphBuilder& builder, ValueId input, const Network& network,
                        const NetworkOptions& options);

}  // namespace nestor
