#pragma once
// Accuracy over latency as a picture: what is drawn, as SVG and as pixels.

#include <span>
#include <string>
#include <vector>

#include "apps/drawing/colour.h"
#include "nestor/image.h"

namespace nestor::bench {

struct CurvePoint {
  std::string label;
  double ms = 0;    // per image
  double top1 = 0;  // percent
};

struct Curve {
  std::string family;   // which its colour stands for
  std::string setting;  // which its style stands for
  Colour colour;
  int style = 0;             // 0: dashed with hollow marks, else solid with marks of one shape each
  bool labels_above = true;  // else below its points
  std::vector<CurvePoint> points;
};

// --- what is drawn, in units of which the picture has `width` by `height` ---

struct DrawnLine {
  double x1, y1, x2, y2, thickness;
  Colour colour;
  bool dashed = false;
};

struct DrawnMark {
  double x, y;
  Colour colour;
  int style = 0;
};

enum class Anchor { kLeft, kMiddle, kRight };

struct DrawnText {
  double x, y;  // of the anchor, in the middle of the line's height
  std::string text;
  int size = 16;  // of a line's height
  Anchor anchor = Anchor::kLeft;
  Colour colour = kBlack;
};

struct Figure {
  int width = 0, height = 0;
  std::vector<DrawnLine> lines;
  std::vector<DrawnMark> marks;
  std::vector<DrawnText> texts;
};

// Axes (latency is logarithmic), curves with their points' labels, and below them a legend.
Figure draw_curves(std::span<const Curve> curves);

std::string to_svg(const Figure& figure);

// `scale` pixels a unit.
Image to_image(const Figure& figure, int scale);

}  // namespace nestor::bench
