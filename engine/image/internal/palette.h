#pragma once
// The colours of pictures that store indices.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nestor::image {

using Colour = std::array<std::uint8_t, 3>;  // red, green, blue

// What an index beyond a file's palette stands for: black, so all 256 are there.
using Palette = std::array<Colour, 256>;

// Every index is its own grey level.
inline Palette grey_ramp() {
  Palette palette;
  for (std::size_t i = 0; i < palette.size(); ++i) {
    palette[i].fill(static_cast<std::uint8_t>(i));
  }
  return palette;
}

// Whether the first `count` colours are those of the grey ramp. Pillow takes such a picture for a
// grey one, in which an index beyond the palette is a grey level too.
inline bool is_grey_ramp(const Palette& palette, std::size_t count) {
  for (std::size_t i = 0; i < count && i < palette.size(); ++i) {
    for (const std::uint8_t level : palette[i]) {
      if (level != i) return false;
    }
  }
  return true;
}

}  // namespace nestor::image
