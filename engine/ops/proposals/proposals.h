#pragma once
// The regions that a region proposal network proposes.
//
//   score = sigmoid(logit), box = clip(decode(anchor, deltas)) to [0, width] x [0, height]
//
// Of each image the pre_nms best anchors (of equal scores, the lower one first; scores of 0 count for
// nothing) go through one non-maximum suppression over all levels: the post_nms first survivors are
// the proposals, in the order of their scores.
//
//   logits [n, anchors, 1], deltas [n, anchors, 4]
//     -> dst         float32 [n, post_nms, 4]   corners in pixels of the network's input
//        dst.scores  float32 [n, post_nms]
//        dst.anchors int32 [n, post_nms]        number of the anchor
//        dst.count   int32 [n]                  rows in use of the other three; they are -1 elsewhere
//
// If a logit, or a box of the best anchors, is not a finite number, the image's count is -1, and no
// row is in use. Source: dmlc/gluon-cv:gluoncv/model_zoo/rcnn/rpn/{rpn,proposal}.py@v0.7.0,
// apache/mxnet:src/operator/contrib/bounding_box-inl.h@1.6.0 (box_nms).

#include <vector>

#include "engine/boxes/anchors.h"
#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct ProposalsParams {
  std::vector<AnchorLevel> levels;
  std::int64_t height = 0, width = 0;  // of the network's input
  std::int64_t pre_nms = 6000, post_nms = 1000;
  float nms_threshold = 0.7F;
};

const Op& proposals_op();

struct Proposals {
  ValueId boxes, scores, anchors, count;
};

Proposals proposals(GraphBuilder& builder, ValueId logits, ValueId deltas, std::string_view name,
                    const ProposalsParams& params);

}  // namespace nestor
