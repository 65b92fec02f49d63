#pragma once
// Objects and detections, gathered by category and image.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "apps/evaluation/coco_file.h"

namespace nestor {

// Of one category in one image, each as they stand in their file.
struct ImageContents {
  std::vector<const CocoObject*> objects;
  std::vector<const CocoDetection*> detections;
};

// By image; images without either are left out.
using CategoryContents = std::map<std::int64_t, ImageContents>;

// By category: each that the annotations list. Leaves out objects and detections of others, and of
// images that the annotations do not list. The pointers are into what is given.
std::map<std::int64_t, CategoryContents> by_category(const CocoAnnotations& annotations,
                                                     std::span<const CocoDetection> detections);

}  // namespace nestor
