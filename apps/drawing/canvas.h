#pragma once
// Drawing on a picture. All that lies outside it is left out.

#include "apps/drawing/colour.h"
#include "nestor/image.h"

namespace nestor {

// Pixels x1 to x2 - 1 of rows y1 to y2 - 1.
struct Rect {
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  int width() const { return x2 - x1; }
  int height() const { return y2 - y1; }
  bool operator==(const Rect&) const = default;
};

class Canvas {
 public:
  explicit Canvas(Image& image) : image_(image) {}

  int width() const { return image_.width; }
  int height() const { return image_.height; }

  // alpha: 0 leaves the pixel as it is, 1 covers it.
  void blend(int x, int y, Colour colour, double alpha);
  void fill(const Rect& rect, Colour colour, double alpha = 1);

  // A frame of the rectangle's outermost `thickness` pixels.
  void frame(const Rect& rect, int thickness, Colour colour, double alpha = 1);

 private:
  Image& image_;
};

}  // namespace nestor
