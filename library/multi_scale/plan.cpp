#include "library/multi_scale/plan.h"

#include <algorithm>
#include <cmath>

#include "engine/check.h"

namespace nestor {

namespace {

constexpr int kLargestSide = 1 << 15;  // of resized images, in pixels

// What the longer and the shorter side become.
struct Sides {
  int longer, shorter;
};

Sides resized_sides(int longer, int shorter, double scale, int base_size) {
  const double side = std::ceil(base_size * scale);
  return {static_cast<int>(side), static_cast<int>(shorter * side / longer + 0.5)};
}

// Where windows begin along a side that is longer than one.
int num_windows(int side, int crop, int stride) { return (side - crop + stride - 1) / stride + 1; }

std::vector<ScaleWindow> windows_of(const ScalePlan& plan, int crop) {
  const int stride = crop * 2 / 3;
  std::vector<ScaleWindow> windows;
  for (int row = 0; row < num_windows(plan.padded_height, crop, stride); ++row) {
    for (int column = 0; column < num_windows(plan.padded_width, crop, stride); ++column) {
      const int top = row * stride, left = column * stride;
      windows.push_back({.top = top,
                         .bottom = std::min(top + crop, plan.padded_height),
                         .left = left,
                         .right = std::min(left + crop, plan.padded_width)});
    }
  }
  return windows;
}

void check_sane(const MultiScaleOptions& options) {
  CHECK_AS(kUsage, !options.scales.empty() && options.batch_size > 0,
           "{} scales in batches of {} windows, expected at least 1", options.scales.size(),
           options.batch_size);
  CHECK_AS(kUsage, options.base_size >= 1 && options.crop_size >= 2,
           "a base size of {} and windows of {} pixels, expected at least 1 and 2",
           options.base_size, options.crop_size);
  for (const double scale : options.scales) {
    CHECK_AS(kUsage, scale > 0 && scale * options.base_size <= kLargestSide,
             "a scale of {} of {} pixels, expected more than 0 and at most {} pixels", scale,
             options.base_size, kLargestSide);
  }
}

}  // namespace

std::vector<ScalePlan> plan_multi_scale(int height, int width, const MultiScaleOptions& options,
                                        const std::string& name) {
  check_sane(options);
  CHECK_AS(kBadInput, height >= 1 && width >= 1, "{}: an image of {} x {} pixels", name, width,
           height);
  const auto [shorter, longer] = std::minmax(height, width);
  std::vector<ScalePlan> plans;
  for (const double scale : options.scales) {
    const Sides sides = resized_sides(longer, shorter, scale, options.base_size);
    const bool upright = height > width;
    ScalePlan plan{.scale = scale,
                   .height = upright ? sides.longer : sides.shorter,
                   .width = upright ? sides.shorter : sides.longer,
                   .windows = {}};
    CHECK_AS(kBadInput, sides.shorter >= 1,
             "{}: too elongated: {} x {} pixels would be resized to {} x {} at scale {}", name,
             width, height, plan.width, plan.height, scale);
    plan.padded_height = std::max(plan.height, options.crop_size);
    plan.padded_width = std::max(plan.width, options.crop_size);
    plan.windows = windows_of(plan, options.crop_size);
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace nestor
