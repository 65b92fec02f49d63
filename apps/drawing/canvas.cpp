#include "apps/drawing/canvas.h"

#include <algorithm>
#include <cmath>

namespace nestor {

void Canvas::blend(int x, int y, Colour colour, double alpha) {
  if (x < 0 || x >= image_.width || y < 0 || y >= image_.height) return;
  const auto pixel = static_cast<std::size_t>(y) * static_cast<std::size_t>(image_.width) +
                     static_cast<std::size_t>(x);
  std::uint8_t* const rgb = &image_.rgb[3 * pixel];
  const std::uint8_t to[3] = {colour.r, colour.g, colour.b};
  for (int c = 0; c < 3; ++c) {
    rgb[c] = static_cast<std::uint8_t>(std::lround(rgb[c] + alpha * (to[c] - rgb[c])));
  }
}

void Canvas::fill(const Rect& rect, Colour colour, double alpha) {
  for (int y = std::max(rect.y1, 0); y < std::min(rect.y2, image_.height); ++y) {
    for (int x = std::max(rect.x1, 0); x < std::min(rect.x2, image_.width); ++x) {
      blend(x, y, colour, alpha);
    }
  }
}

void Canvas::frame(const Rect& rect, int thickness, Colour colour, double alpha) {
  // Where the rectangle is smaller than two lines, they must not overlap: alpha would count twice.
  const int across = std::min(thickness, (rect.width() + 1) / 2);
  const int down = std::min(thickness, (rect.height() + 1) / 2);
  const int top = rect.y1 + down, bottom = std::max(rect.y2 - down, top);
  const int left = rect.x1 + across, right = std::max(rect.x2 - across, left);
  fill({rect.x1, rect.y1, rect.x2, top}, colour, alpha);
  fill({rect.x1, bottom, rect.x2, rect.y2}, colour, alpha);
  fill({rect.x1, top, left, bottom}, colour, alpha);
  fill({right, top, rect.x2, bottom}, colour, alpha);
}

}  // namespace nestor
