#pragma once
// The numbers that the levels of an image stand for.

#include <array>
#include <cstddef>
#include <cstdint>

#include "nestor/normalisation.h"

namespace nestor {

// A normalisation's values for all levels, computed once.
class LevelTable {
 public:
  explicit LevelTable(const Normalisation& normalisation);

  // Pixels [num_pixels][3] to planes: channel c from `dst + c * plane`.
  void normalise(const std::uint8_t* rgb, std::size_t num_pixels, float* dst,
                 std::size_t plane) const;

  // False if a mean, or a std next to 0, takes a level out of float32's range.
  bool is_finite() const;

 private:
  std::array<std::array<float, 256>, 3> values_;
};

}  // namespace nestor
