#pragma once
// An image as one scale of a multi-scale evaluation sees it.

#include <span>
#include <vector>

#include "library/multi_scale/plan.h"
#include "nestor/image.h"
#include "nestor/normalisation.h"

namespace nestor {

// Planes [3][height][width] of normalised colours.
struct ScaledImage {
  int height = 0, width = 0;
  std::vector<float> planes;
};

// The normalised image in each of the plans' sizes: normalised before it is resized (align-corners
// bilinear, without antialiasing).
std::vector<ScaledImage> scaled_images(const Image& image, const Normalisation& normalisation,
                                       std::span<const ScalePlan> plans);

// Writes the window as the network's input, [3][crop][crop]; what the image does not have is
// `padding`, a colour. If `mirrored`, left and right are exchanged, the padding with them.
void copy_window(const ScaledImage& image, const ScaleWindow& window,
                 std::span<const float> padding, int crop, bool mirrored, float* dst);

// Black, as the network sees it.
std::vector<float> normalised_black(const Normalisation& normalisation);

}  // namespace nestor
