#pragma once
// The scores of all classes at one scale: exponentials, averaged over the windows that cover a pixel.

#include <cstdint>
#include <vector>

#include "library/multi_scale/plan.h"

namespace nestor {

class ScoreMap {
 public:
  // All scores are zero, and take bytes() of memory.
  ScoreMap(const ScalePlan& plan, int num_classes);
  static std::size_t bytes(const ScalePlan& plan, int num_classes);

  int height() const { return height_; }
  int width() const { return width_; }
  const float* plane(int class_id) const { return scores_.data() + class_id * plane_floats(); }

  // Adds a window's part that lies within the image, of classes [first, end): exp(logits), or
  // exp(logits + mirrored) of the mirrored window's logits. Logits are [classes][crop][crop].
  void add(const ScaleWindow& window, const float* logits, const float* mirrored, int crop,
           int first, int end);

  // Divides the scores of classes [first, end) by the number of windows at each pixel.
  void average(const ScalePlan& plan, int first, int end);

 private:
  std::ptrdiff_t plane_floats() const { return std::ptrdiff_t{height_} * width_; }

  int height_, width_;
  std::vector<float> scores_;  // [classes][height][width]
};

}  // namespace nestor
