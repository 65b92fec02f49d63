#pragma once
// 4:4:0 JPEG (chroma at half height) as MXNet's older libjpeg-turbo makes RGB of it. Newer
// versions round the upper and the lower row differently.

#include <cstdint>
#include <span>
#include <vector>

#include "nestor/image.h"

namespace nestor::image {

// One component as it is stored: rows of stride samples, of which the first num_rows are real.
struct JpegPlane {
  std::vector<std::uint8_t> samples;
  int stride = 0;
  int num_rows = 0;
  bool half_height = false;
};

// Y, Cb and Cr to the pixels of `image`, which has its size already.
void convert_440(std::span<const JpegPlane, 3> planes, Image& image);

}  // namespace nestor::image
