#pragma once
// Normalisation: the real number that each level of an image stands for.

#include <array>
#include <compare>

#include "nestor/export.h"

namespace nestor {

// (level / 255 - mean) / std in float32 with two true divisions, for red, green and blue.
struct NESTOR_API Normalisation {
  std::array<float, 3> mean{0.485F, 0.456F, 0.406F};
  std::array<float, 3> std{0.229F, 0.224F, 0.225F};

  auto operator<=>(const Normalisation&) const = default;
};

}  // namespace nestor
