#pragma once
// Boxes as corners, and the arithmetic on them that detectors were trained with: in float32 and in
// this order of operations, so that comparisons with thresholds come out as in MXNet. Sides are
// x2 - x1, without + 1. Sources: apache/mxnet:src/operator/contrib/bounding_box-inl.h@1.6.0,
// dmlc/gluon-cv:gluoncv/nn/coder.py@v0.7.0.

#include <algorithm>
#include <cmath>

namespace nestor {

struct Box {
  float x1 = 0, y1 = 0, x2 = 0, y2 = 0;

  bool operator==(const Box&) const = default;
};

inline bool is_finite(const Box& b) {
  return std::isfinite(b.x1) && std::isfinite(b.y1) && std::isfinite(b.x2) && std::isfinite(b.y2);
}

// 0 if a side is negative.
inline float area(const Box& b) {
  const float w = b.x2 - b.x1, h = b.y2 - b.y1;
  return w < 0 || h < 0 ? 0 : w * h;
}

// Intersection over union; NaN for two boxes without area, which is above no threshold.
inline float overlap(const Box& a, const Box& b) {
  const float w = std::max(0.0F, std::min(a.x2, b.x2) - std::max(a.x1, b.x1));
  const float h = std::max(0.0F, std::min(a.y2, b.y2) - std::max(a.y1, b.y1));
  const float shared = w * h;
  return shared / (area(a) + area(b) - shared);
}

// By how much deltas are multiplied: of the centre, and of the logarithms of the sides.
struct DeltaScale {
  float center = 1, size = 1;
};

inline constexpr float kMostGrowth = 4.14F;  // of a logarithm of a side

// The box that lies relative to `anchor` as deltas (dx, dy, dw, dh) say.
inline Box decode(const Box& anchor, const float* deltas, DeltaScale scale = {}) {
  const float w = anchor.x2 - anchor.x1, h = anchor.y2 - anchor.y1;
  const float x = deltas[0] * scale.center * w + (anchor.x1 + w / 2);
  const float y = deltas[1] * scale.center * h + (anchor.y1 + h / 2);
  const float half_w = std::exp(std::min(deltas[2] * scale.size, kMostGrowth)) * w / 2;
  const float half_h = std::exp(std::min(deltas[3] * scale.size, kMostGrowth)) * h / 2;
  return {x - half_w, y - half_h, x + half_w, y + half_h};
}

// Within [0, width] x [0, height]: not width - 1.
inline Box clip(const Box& b, float width, float height) {
  const auto within = [](float x, float end) { return std::min(std::max(x, 0.0F), end); };
  return {within(b.x1, width), within(b.y1, height), within(b.x2, width), within(b.y2, height)};
}

}  // namespace nestor
