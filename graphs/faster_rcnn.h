#pragma once
// Faster R-CNN with a feature pyramid (arXiv:1506.01497, arXiv:1612.03144). See faster_rcnn.cpp.

#include "engine/graph/builder.h"
#include "graphs/zoo.h"

namespace nestor {

// What differs between the detectors.
struct FasterRcnnConfig {
  std::string_view backbone;            // of the ResNeSt or the ResNet family
  std::int64_t pyramid_channels = 256;  //
  bool normed_pyramid = true;           // batch norms behind its convolutions, which have no biases
  std::int64_t rpn_channels = 256;      //
  int head_convolutions = 4;            // 3x3 with batch norm, as wide as the pyramid
  int head_layers = 1;                  // fully connected ones behind them
  std::int64_t head_channels = 1024;    // of these
};

// Null if the name is not a Faster R-CNN. Names: faster_rcnn_fpn_resnet50_v1b_coco, ...
const FasterRcnnConfig* find_faster_rcnn(std::string_view name);

// Outputs "boxes" [n, most, 4], corners in pixels of the input; "scores" [n, most] and "classes"
// int32 [n, most], as engine/ops/detections/detections.h says. Taps "C2" to "C5", "P2" to "P6",
// "rpn.logits" [n, anchors, 1], "rpn.deltas" [n, anchors, 4], "proposals" and "head.logits",
// "head.deltas".
void build_faster_rcnn(GraphBuilder& builder, ValueId input, const Network& network,
                       const NetworkOptions& options);

}  // namespace nestor
