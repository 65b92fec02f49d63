#pragma once
// DeepLabV3 (arXiv:1706.05587) on dilated ResNeSts and ResNets. See deeplab.cpp.

#include <string_view>

#include "engine/graph/builder.h"
#include "graphs/zoo.h"

namespace nestor {

// The scope of the head that only training uses.
inline constexpr std::string_view kAuxiliaryHead = "auxlayer";

// Atrous spatial pyramid pooling with that many channels of each branch and of the projection:
// parameters concurent.0.0 to .4.gap.2 and project.0, .1; taps "concurent.B" and "project".
ValueId aspp(GraphBuilder& builder, ValueId src, std::int64_t channels);

// Names: deeplab_resnet101_ade, deeplab_resnest50_ade, ... Outputs "classes", the class of each
// pixel (class_map.h), [n, h, w] as the input. Taps "layerS", "layerS.B" the backbone's stages and
// blocks, "head.aspp.concurent.B" the branches, "head" the scores at an eighth of the size, "logits"
// those at the input's size, float32 [n, classes, h, w].
void build_deeplab(GraphBuilder& builder, ValueId input, const Network& network,
                   const NetworkOptions& options);

}  // namespace nestor
