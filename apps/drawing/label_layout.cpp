#include "apps/drawing/label_layout.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

namespace nestor {

namespace {

std::int64_t overlap(const Rect& a, const Rect& b) {
  const std::int64_t width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const std::int64_t height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  return std::max<std::int64_t>(width, 0) * std::max<std::int64_t>(height, 0);
}

std::int64_t overlap(const Rect& place, std::span<const Rect> taken) {
  std::int64_t sum = 0;
  for (const Rect& other : taken) sum += overlap(place, other);
  return sum;
}

// On the box and in it, at the top and at the bottom, to the left and to the right: the best first.
std::array<Rect, 8> places(const LabelledBox& labelled, int width, int height) {
  const auto& [box, label_width, label_height] = labelled;
  std::array<Rect, 8> all;
  std::size_t next = 0;
  for (const int x : {box.x1, box.x2 - label_width}) {
    for (const int y : {box.y1 - label_height, box.y1, box.y2, box.y2 - label_height}) {
      const int left = std::clamp(x, 0, width - label_width);
      const int top = std::clamp(y, 0, height - label_height);
      all[next++] = {left, top, left + label_width, top + label_height};
    }
  }
  return all;
}

}  // namespace

std::vector<Rect> place_labels(std::span<const LabelledBox> boxes, int width, int height) {
  std::vector<Rect> taken;
  for (const LabelledBox& box : boxes) {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    Rect best;
    for (const Rect& place : places(box, width, height)) {
      const std::int64_t covered = overlap(place, taken);
      if (covered < least) {
        least = covered;
        best = place;
      }
      if (least == 0) break;
    }
    taken.push_back(best);
  }
  return taken;
}

}  // namespace nestor
