#pragma once
// The part of an image that becomes the network's input.

#include <string>

#include "engine/image/resize.h"
#include "nestor/preprocess.h"

namespace nestor {

// What resize_and_crop does to an image of some size: `window` of it is resized, and `target` says
// to what, and which part of that is the network's input.
struct ResizePlan {
  Window window;
  ResizeTarget target;
};

// Throws kBadInput for images that are too small or too elongated; kUsage for a
// crop size or ratio that makes no sense.
ResizePlan plan_resize(int width, int height, const Preprocess& preprocess,
                       const std::string& name = "the image");

}  // namespace nestor
