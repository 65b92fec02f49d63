#pragma once
// COCO's figures for detections, equal to pycocotools' of boxes.

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "apps/evaluation/coco_file.h"

namespace nestor {

inline constexpr std::array<std::string_view, 12> kCocoFigures = {
    "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"};

struct CocoCategoryResult {
  std::int64_t category_id = 0;
  double ap = -1, ap50 = -1;  // -1: there are no objects of it
};

struct CocoResult {
  std::array<double, kCocoFigures.size()> figures = {};  // -1: no objects of that kind
  std::vector<CocoCategoryResult> categories;            // by ascending id
};

// Objects and detections of categories or images that the annotations do not list are left out.
CocoResult evaluate_coco(const CocoAnnotations& annotations,
                         std::span<const CocoDetection> detections);

}  // namespace nestor
