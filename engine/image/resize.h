#pragma once
// Resizing, bit for bit as OpenCV 3.4 and Pillow 13 do it, and MXNet's align-corners bilinear.

#include <cstdint>

#include "nestor/image.h"
#include "nestor/preprocess.h"

namespace nestor {

enum class PillowFilter : std::uint8_t { kNearest, kBox, kBilinear, kBicubic, kLanczos };

struct Window {
  int x = 0, y = 0;
  int width = 0, height = 0;

  bool operator==(const Window&) const = default;
};

// The size to resize to, and the part of the result that is wanted: the rest is not computed.
struct ResizeTarget {
  int width = 0, height = 0;
  Window window;

  static ResizeTarget whole(int width, int height) {
    return {width, height, {0, 0, width, height}};
  }
  bool operator==(const ResizeTarget&) const = default;
};

// cv::resize without antialiasing, as MXNet's OpenCV has it.
Image resize_opencv(const Image& image, const ResizeTarget& target, Interpolation interpolation);

// PIL.Image.resize: the filter widens when shrinking, kNearest apart.
Image resize_pillow(const Image& image, const ResizeTarget& target, PillowFilter filter);

Image crop(const Image& image, const Window& window);

// contrib.BilinearResize2D on num_planes planes of float32; src and dst do not overlap.
void resize_align_corners(const float* src, std::int64_t num_planes, int src_height, int src_width,
                          float* dst, int dst_height, int dst_width);

}  // namespace nestor
