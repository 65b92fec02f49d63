#pragma once

#include "engine/image/resize.h"

namespace nestor::image {

// Throws kInternal unless the image has pixels and the target's window lies inside the target.
void check_target(const Image& image, const ResizeTarget& target);

// A black image of this size.
Image blank(int width, int height);

inline const std::uint8_t* row_of(const Image& image, int y) {
  return image.rgb.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) * 3;
}
inline std::uint8_t* row_of(Image& image, int y) {
  return image.rgb.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) * 3;
}

// The nearest-neighbour kernels: destination pixel (x, y) of the window is source pixel
// (columns[x], rows[y]).
Image pick(const Image& image, const std::vector<int>& columns, const std::vector<int>& rows);

}  // namespace nestor::image
