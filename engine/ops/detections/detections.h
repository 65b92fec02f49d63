#pragma once
// From the scores and deltas of regions to the objects that were found.
//
//   p = softmax(logits) over all classes, of which number 0 is the background
//   box(r, c) = decode(box r, deltas of class c), centres scaled by 0.1 and sides by 0.2
//
// Of each class those regions count whose p is above 0.01 and at least score_threshold, the best
// first (of equal scores the lower region). They go through a non-maximum suppression of their own.
// The detections are all survivors, or the max_detections best: by score, of equal scores the lower
// class, then the lower region first.
//
//   logits [n * rois, classes + 1], deltas [n * rois, classes * 4], boxes [n, rois, 4],
//   count int32 [n]
//     -> dst          float32 [n, most, 4]   corners, not clipped
//        dst.scores   float32 [n, most]
//        dst.classes  int32 [n, most]        0 is the first class behind the background
//        dst.rois     int32 [n, most]
//        dst.count    int32 [n]              rows in use of the others; they are -1 elsewhere
//
// If a logit or the box of a candidate is not a finite number, or `count` is negative, the image's
// count is -1, and no row is in use.
// Source: dmlc/gluon-cv:gluoncv/model_zoo/rcnn/faster_rcnn/faster_rcnn.py@v0.7.0.

#include "engine/boxes/box.h"
#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct DetectionsParams {
  float score_threshold = 0;
  float nms_threshold = 0.5F;
  int max_detections = -1;  // -1: all
};

inline constexpr float kLowestScore = 0.01F;  // that is left out
inline constexpr DeltaScale kDetectionScale{0.1F, 0.2F};

inline bool is_candidate(float score, const DetectionsParams& params) {
  return score > kLowestScore && score >= params.score_threshold;
}

const Op& detections_op();

struct DetectionValues {
  ValueId boxes, scores, classes, rois, count;
};

DetectionValues detections(GraphBuilder& builder, ValueId logits, ValueId deltas, ValueId boxes,
                           ValueId count, std::string_view name, const DetectionsParams& params);

}  // namespace nestor
