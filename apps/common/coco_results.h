#pragma once
// Detections as COCO's result files have them.

#include <array>
#include <cstdint>
#include <string>

namespace nestor {

// The number that the file's name is ("000000397133.jpg"); of other names the image's place in the
// run, counted from 1.
std::int64_t coco_image_id(const std::string& file, std::size_t idx);

// The category of a class: COCO's own id if the network has COCO's 80 classes; else the classes are
// counted from 1.
int coco_category_id(int class_id, int num_classes);

// [x, y, width, height] of a box within the image; as GluonCV writes them, sides are x2 - x1 + 1.
std::array<float, 4> coco_box(const std::array<float, 4>& corners, int width, int height);

}  // namespace nestor
