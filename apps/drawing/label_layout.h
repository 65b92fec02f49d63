#pragma once
// Places for the labels of boxes.

#include <span>
#include <vector>

#include "apps/drawing/canvas.h"

namespace nestor {

struct LabelledBox {
  Rect box;
  int width = 0, height = 0;  // of its label
};

// One place a box, inside a picture of `width` x `height` pixels, as the labels are: at one of the
// box's corners, where it covers least of the labels of the boxes before. Time grows with the square
// of the number of boxes.
std::vector<Rect> place_labels(std::span<const LabelledBox> boxes, int width, int height);

}  // namespace nestor
