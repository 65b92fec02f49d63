#pragma once
// The pyramid level from which a region of interest is pooled.
//
//   level = floor(4 + log2(sqrt(w * h) / 224 + 1e-6)), within [first, last]
//   w = x2 - x1 + 1, h = y2 - y1 + 1: with + 1, unlike all else
//
// Source: dmlc/gluon-cv:gluoncv/model_zoo/rcnn/faster_rcnn/faster_rcnn.py@v0.7.0.

#include "engine/boxes/box.h"

namespace nestor {

inline int roi_level(const Box& roi, int first, int last) {
  const float w = roi.x2 - roi.x1 + 1, h = roi.y2 - roi.y1 + 1;
  const double side = std::sqrt(double{w} * double{h});
  const double level = std::floor(4 + std::log2(side / 224 + 1e-6));
  return static_cast<int>(std::clamp<double>(level, first, last));
}

}  // namespace nestor
