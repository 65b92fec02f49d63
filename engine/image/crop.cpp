#include <algorithm>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/target.h"

namespace nestor {

namespace image {

void check_target(const Image& image, const ResizeTarget& target) {
  CHECK(image.width >= 1 && image.height >= 1, "resize: an image of {} x {} pixels", image.width,
        image.height);
  const Window& window = target.window;
  CHECK(window.x >= 0 && window.y >= 0 && window.width >= 1 && window.height >= 1 &&
            window.width <= target.width - window.x && window.height <= target.height - window.y,
        "resize: window {} x {} at ({}, {}) of a result of {} x {} pixels", window.width,
        window.height, window.x, window.y, target.width, target.height);
}

Image blank(int width, int height) {
  const CheckedSize size_bytes = CheckedSize(width) * height * 3;
  CHECK(size_bytes.at_most(PTRDIFF_MAX), "an image of {} x {} pixels", width, height);
  return {width, height, std::vector<std::uint8_t>(size_bytes.value())};
}

Image pick(const Image& image, const std::vector<int>& columns, const std::vector<int>& rows) {
  Image result = blank(static_cast<int>(columns.size()), static_cast<int>(rows.size()));
  std::uint8_t* dst = result.rgb.data();
  for (const int y : rows) {
    const std::uint8_t* const row = row_of(image, y);
    for (const int x : columns) dst = std::copy_n(row + std::ptrdiff_t{x} * 3, 3, dst);
  }
  return result;
}

}  // namespace image

Image crop(const Image& image, const Window& window) {
  image::check_target(image, {image.width, image.height, window});
  Image result = image::blank(window.width, window.height);
  for (int y = 0; y < window.height; ++y) {
    std::copy_n(image::row_of(image, window.y + y) + std::ptrdiff_t{window.x} * 3,
                std::ptrdiff_t{window.width} * 3, image::row_of(result, y));
  }
  return result;
}

}  // namespace nestor
