#pragma once
// Found objects, drawn on their picture.

#include <span>
#include <string>

#include "nestor/image.h"

namespace nestor {

struct DrawnBox {
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;  // pixels of the picture, corners included
  int class_id = 0;                      // decides on the colour
  std::string label;                     // UTF-8; any bytes do
  float score = 0;
};

// Draws each box as a frame in its class's colour with "label 0.98" on it; lines and letters grow
// with the picture. Boxes of higher scores lie on top. Parts outside the picture and boxes with
// numbers that are not finite are left out, and labels that a tiny picture has no room for.
void draw_boxes(Image& picture, std::span<const DrawnBox> boxes);

}  // namespace nestor
