#pragma once
// A decoded picture.

#include <cstdint>
#include <vector>

#include "nestor/export.h"

namespace nestor {

// 8-bit RGB, rows from the top, no padding: height * width * 3 bytes.
struct NESTOR_API Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;
};

}  // namespace nestor
