#include "library/multi_scale/score_map.h"

#include <algorithm>
#include <cmath>

namespace nestor {

std::size_t ScoreMap::bytes(const ScalePlan& plan, int num_classes) {
  return sizeof(float) * static_cast<std::size_t>(num_classes) *
         static_cast<std::size_t>(plan.height) * static_cast<std::size_t>(plan.width);
}

ScoreMap::ScoreMap(const ScalePlan& plan, int num_classes)
    : height_(plan.height),
      width_(plan.width),
      scores_(bytes(plan, num_classes) / sizeof(float), 0.0F) {}

void ScoreMap::add(const ScaleWindow& window, const float* logits, const float* mirrored, int crop,
                   int first, int end) {
  const int bottom = std::min(window.bottom, height_), right = std::min(window.right, width_);
  for (int k = first; k < end; ++k) {
    for (int y = window.top; y < bottom; ++y) {
      const std::ptrdiff_t row = (std::ptrdiff_t{k} * crop + y - window.top) * crop;
      float* const dst = scores_.data() + k * plane_floats() + std::ptrdiff_t{y} * width_;
      for (int x = window.left; x < right; ++x) {
        const int column = x - window.left;
        const float other = mirrored == nullptr ? 0.0F : mirrored[row + crop - 1 - column];
        dst[x] += std::exp(logits[row + column] + other);
      }
    }
  }
}

void ScoreMap::average(const ScalePlan& plan, int first, int end) {
  std::vector<int> rows(static_cast<std::size_t>(height_), 0),
      columns(static_cast<std::size_t>(width_), 0);
  // Windows form a grid: those at a pixel are the product of those at its row and at its column.
  for (const ScaleWindow& window : plan.windows) {
    if (window.left == 0) {
      for (int y = window.top; y < std::min(window.bottom, height_); ++y) {
        ++rows[static_cast<std::size_t>(y)];
      }
    }
    if (window.top == 0) {
      for (int x = window.left; x < std::min(window.right, width_); ++x) {
        ++columns[static_cast<std::size_t>(x)];
      }
    }
  }
  for (int k = first; k < end; ++k) {
    float* dst = scores_.data() + k * plane_floats();
    for (const int row : rows) {
      for (const int column : columns) *dst++ /= static_cast<float>(row * column);
    }
  }
}

}  // namespace nestor
