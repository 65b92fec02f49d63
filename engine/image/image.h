#pragma once
// A decoded picture.
// A public header: standard library only.

#include <cstdint>
#include <vector>

namespace nestor {

// 8-bit RGB, rows from the top, no padding: height * width * 3 bytes.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
};

}  // namespace nestor
