#include "engine/image/level_table.h"

#include <algorithm>
#include <cmath>

namespace nestor {

LevelTable::LevelTable(const Normalisation& normalisation) {
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t level = 0; level < 256; ++level) {
      values_[c][level] =
          (static_cast<float>(level) / 255.0F - normalisation.mean[c]) / normalisation.std[c];
    }
  }
}

bool LevelTable::is_finite() const {
  return std::ranges::all_of(values_, [](const std::array<float, 256>& values) {
    return std::ranges::all_of(values, [](float x) { return std::isfinite(x); });
  });
}

void LevelTable::normalise(const std::uint8_t* rgb, std::size_t num_pixels, float* dst,
                           std::size_t plane) const {
  for (std::size_t c = 0; c < 3; ++c) {
    const std::array<float, 256>& values = values_[c];
    for (std::size_t i = 0; i < num_pixels; ++i) dst[c * plane + i] = values[rgb[3 * i + c]];
  }
}

}  // namespace nestor
