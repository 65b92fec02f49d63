#pragma once
// PASCAL VOC's mean average precision, by GluonCV's rules
// (dmlc/gluon-cv:gluoncv/utils/metrics/voc_detection.py@v0.7.0).

#include <cstdint>
#include <span>
#include <vector>

#include "apps/evaluation/coco_file.h"

namespace nestor {

struct VocCategoryResult {
  std::int64_t category_id = 0;
  double ap = -1;    // area below the curve, as of 2010; -1: there are no objects to find
  double ap07 = -1;  // mean at 11 recalls, as of 2007
};

struct VocResult {
  double ap = -1, ap07 = -1;  // means over the categories with objects
  std::vector<VocCategoryResult> categories;
};

// A detection belongs to the object of its image and category that it overlaps most, if by at least
// `least_overlap`; those of objects that are difficult or crowds do not count, second ones of an
// object are wrong. Boxes are those of the files, whose width is x2 - x1 + 1 as in VOC. Of equal
// scores the first in image order, then in file order, is the better.
VocResult evaluate_voc(const CocoAnnotations& annotations,
                       std::span<const CocoDetection> detections, double least_overlap = 0.5);

}  // namespace nestor
