#pragma once
// Sizes and windows of a multi-scale evaluation, as GluonCV's MultiEvalModel has them
// (dmlc/gluon-cv:gluoncv/model_zoo/segbase.py@v0.7.0).

#include <string>
#include <vector>

#include "nestor/segmenter.h"

namespace nestor {

// Rows [top, bottom) and columns [left, right) of the padded image. At its edges a window is smaller
// than the network's input, which is padded like the image.
struct ScaleWindow {
  int top = 0, bottom = 0, left = 0, right = 0;

  bool operator==(const ScaleWindow&) const = default;
};

struct ScalePlan {
  double scale = 1;
  int height = 0, width = 0;                // of the resized image
  int padded_height = 0, padded_width = 0;  // padded below and to the right
  std::vector<ScaleWindow> windows;         // row by row
};

// One for each scale. Throws kUsage for options out of range; kBadInput, naming the image, if a side
// of it would be resized to nothing.
std::vector<ScalePlan> plan_multi_scale(int height, int width, const MultiScaleOptions& options,
                                        const std::string& name);

}  // namespace nestor
