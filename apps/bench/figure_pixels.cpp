#include <algorithm>
#include <cmath>

#include "apps/bench/figure.h"
#include "apps/drawing/canvas.h"
#include "apps/drawing/text.h"

namespace nestor::bench {

namespace {

constexpr double kDash = 8, kGap = 5;

// How much of a pixel a shape covers whose edge is that far outside of its middle.
double cover(double outside) { return std::clamp(0.5 - outside, 0.0, 1.0); }

// Blends each pixel of the box by what `outside` says of its distance from the shape.
template <class Outside>
void draw_shape(Canvas& canvas, Rect box, Colour colour, const Outside& outside) {
  for (int y = box.y1; y < box.y2; ++y) {
    for (int x = box.x1; x < box.x2; ++x) {
      const double alpha = cover(outside(x + 0.5, y + 0.5));
      if (alpha > 0) canvas.blend(x, y, colour, alpha);
    }
  }
}

Rect box_around(double x1, double y1, double x2, double y2, double margin) {
  const auto low = [&](double a, double b) {
    return static_cast<int>(std::floor(std::min(a, b) - margin));
  };
  const auto high = [&](double a, double b) {
    return static_cast<int>(std::ceil(std::max(a, b) + margin));
  };
  return {low(x1, x2), low(y1, y2), high(x1, x2), high(y1, y2)};
}

void draw_line(Canvas& canvas, const DrawnLine& line, double scale) {
  const double x1 = line.x1 * scale, y1 = line.y1 * scale;
  const double dx = line.x2 * scale - x1, dy = line.y2 * scale - y1;
  const double length = std::hypot(dx, dy), half = line.thickness * scale / 2;
  const auto outside = [&](double x, double y) {
    const double along = std::clamp(((x - x1) * dx + (y - y1) * dy) / length, 0.0, length);
    if (line.dashed && std::fmod(along / scale, kDash + kGap) > kDash) return 1.0;
    return std::hypot(x - x1 - dx * along / length, y - y1 - dy * along / length) - half;
  };
  draw_shape(canvas, box_around(x1, y1, x1 + dx, y1 + dy, half + 1), line.colour, outside);
}

void draw_mark(Canvas& canvas, const DrawnMark& mark, double scale) {
  const double x0 = mark.x * scale, y0 = mark.y * scale;
  const Rect box = box_around(x0, y0, x0, y0, 8 * scale);
  const auto disc = [&](double radius) {
    return [=](double x, double y) { return std::hypot(x - x0, y - y0) - radius * scale; };
  };
  if (mark.style > 0 && mark.style % 2 == 0) {
    draw_shape(canvas, box, mark.colour, [&](double x, double y) {
      return std::max(std::abs(x - x0), std::abs(y - y0)) - 4.5 * scale;
    });
    return;
  }
  draw_shape(canvas, box, mark.colour, disc(mark.style == 0 ? 5.5 : 5));
  if (mark.style == 0) draw_shape(canvas, box, kWhite, disc(3.5));
}

void write_text(Canvas& canvas, const DrawnText& text, int scale) {
  const int size = text.size * scale, width = text_width(text.text, size);
  double left = text.x * scale;
  if (text.anchor == Anchor::kMiddle) left -= width / 2.0;
  if (text.anchor == Anchor::kRight) left -= width;
  draw_text(canvas, static_cast<int>(std::lround(left)),
            static_cast<int>(std::lround(text.y * scale - size / 2.0)), text.text, size,
            text.colour);
}

}  // namespace

Image to_image(const Figure& figure, int scale) {
  Image image{figure.width * scale, figure.height * scale, {}};
  image.rgb.assign(
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3, 255);
  Canvas canvas(image);
  for (const DrawnLine& line : figure.lines) draw_line(canvas, line, scale);
  for (const DrawnMark& mark : figure.marks) draw_mark(canvas, mark, scale);
  for (const DrawnText& text : figure.texts) write_text(canvas, text, scale);
  return image;
}

}  // namespace nestor::bench
