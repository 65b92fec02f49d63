#include "library/multi_scale/scaled_image.h"

#include <algorithm>

#include "engine/image/resize.h"
#include "nestor/preprocess.h"

namespace nestor {

std::vector<ScaledImage> scaled_images(const Image& image, const Normalisation& normalisation,
                                       std::span<const ScalePlan> plans) {
  std::vector<float> normalised(image.rgb.size());
  normalise(image, normalisation, normalised.data());
  std::vector<ScaledImage> scaled;
  for (const ScalePlan& plan : plans) {
    const std::size_t floats =
        3 * static_cast<std::size_t>(plan.height) * static_cast<std::size_t>(plan.width);
    scaled.push_back({plan.height, plan.width, std::vector<float>(floats)});
    resize_align_corners(normalised.data(), 3, image.height, image.width,
                         scaled.back().planes.data(), plan.height, plan.width);
  }
  return scaled;
}

void copy_window(const ScaledImage& image, const ScaleWindow& window,
                 std::span<const float> padding, int crop, bool mirrored, float* dst) {
  const int rows = std::min(window.bottom, image.height) - window.top;
  const int columns = std::min(window.right, image.width) - window.left;
  for (int c = 0; c < 3; ++c) {
    const float black = padding[static_cast<std::size_t>(c)];
    for (int y = 0; y < crop; ++y, dst += crop) {
      std::fill_n(dst, crop, black);
      if (y >= rows || columns <= 0) continue;
      const float* const src = image.planes.data() +
                               (std::ptrdiff_t{c} * image.height + window.top + y) * image.width +
                               window.left;
      if (mirrored) {
        std::reverse_copy(src, src + columns, dst + crop - columns);
      } else {
        std::copy_n(src, columns, dst);
      }
    }
  }
}

std::vector<float> normalised_black(const Normalisation& normalisation) {
  std::vector<float> black(3);
  normalise({1, 1, {0, 0, 0}}, normalisation, black.data());
  return black;
}

}  // namespace nestor
