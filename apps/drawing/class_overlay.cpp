#include "apps/drawing/class_overlay.h"

#include <algorithm>
#include <array>

#include "apps/drawing/canvas.h"
#include "engine/check.h"

namespace nestor {

std::vector<ClassShare> class_shares(const IndexImage& map) {
  std::array<std::int64_t, 256> pixels = {};
  for (const std::uint8_t class_id : map.classes) ++pixels[class_id];
  std::vector<ClassShare> shares;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    if (pixels[i] == 0) continue;
    const double share = static_cast<double>(pixels[i]) / static_cast<double>(map.classes.size());
    shares.push_back({.class_id = static_cast<int>(i), .pixels = pixels[i], .share = share});
  }
  std::ranges::stable_sort(shares, std::greater{}, &ClassShare::pixels);
  return shares;
}

void draw_classes(Image& picture, const IndexImage& map, const Palette& palette, double alpha) {
  CHECK(picture.width == map.width && picture.height == map.height,
        "a class map of {} x {} pixels for a picture of {} x {}", map.width, map.height,
        picture.width, picture.height);
  Canvas canvas(picture);
  std::size_t i = 0;
  for (int y = 0; y < map.height; ++y) {
    for (int x = 0; x < map.width; ++x) canvas.blend(x, y, palette.at(map.classes[i++]), alpha);
  }
}

}  // namespace nestor
