#include "engine/boxes/anchors.h"

#include <cmath>

namespace nestor {

namespace {

constexpr double kRatioValues[kRatios] = {0.5, 1, 2};
constexpr double kStridesPerSide = 8;

}  // namespace

std::array<Box, kRatios> cell_anchors(int stride) {
  std::array<Box, kRatios> boxes;
  const double center = (stride - 1) / 2.0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    // Halves round to even: 22.5, of stride 32 and ratio 0.5, to 22.
    const double w = std::nearbyint(std::sqrt(stride * stride / kRatioValues[i]));
    const double h = std::nearbyint(w * kRatioValues[i]);
    const double half_w = (w * kStridesPerSide - 1) / 2, half_h = (h * kStridesPerSide - 1) / 2;
    boxes[i] = {static_cast<float>(center - half_w), static_cast<float>(center - half_h),
                static_cast<float>(center + half_w), static_cast<float>(center + half_h)};
  }
  return boxes;
}

Box anchor(std::span<const AnchorLevel> levels, std::int64_t idx) {
  std::size_t i = 0;
  while (idx >= levels[i].num_anchors()) idx -= levels[i++].num_anchors();
  const AnchorLevel& level = levels[i];
  const Box box = cell_anchors(level.stride)[static_cast<std::size_t>(idx % kRatios)];
  const std::int64_t cell = idx / kRatios;
  const auto x = static_cast<float>(cell % level.width * level.stride);
  const auto y = static_cast<float>(cell / level.width * level.stride);
  return {box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y};
}

std::int64_t num_anchors(std::span<const AnchorLevel> levels) {
  std::int64_t total = 0;
  for (const AnchorLevel& level : levels) total += level.num_anchors();
  return total;
}

}  // namespace nestor
