#pragma once
// How far two boxes cover each other.

#include <algorithm>

#include "apps/evaluation/coco_file.h"

namespace nestor {

// The area that both cover, 0 if they do not meet.
inline double intersection(const CocoBox& a, const CocoBox& b) {
  const double width = std::min(a[0] + a[2], b[0] + b[2]) - std::max(a[0], b[0]);
  const double height = std::min(a[1] + a[3], b[1] + b[3]) - std::max(a[1], b[1]);
  return width <= 0 || height <= 0 ? 0 : width * height;
}

inline double area(const CocoBox& box) { return box[2] * box[3]; }

}  // namespace nestor
