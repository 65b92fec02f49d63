#pragma once
// What the levels of an image stand for.
// A public header: standard library only.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace nestor {

// (level / 255 - mean) / std in float32 with two true divisions, for red, green and blue.
struct Normalisation {
  std::array<float, 3> mean{0.485F, 0.456F, 0.406F};
  std::array<float, 3> std{0.229F, 0.224F, 0.225F};

  auto operator<=>(const Normalisation&) const = default;
};

// Those values for all levels, computed once.
class LevelTable {
 public:
  explicit LevelTable(const Normalisation& normalisation);

  // Pixels [num_pixels][3] to planes: channel c from `dst + c * plane`.
  void normalise(const std::uint8_t* rgb, std::size_t num_pixels, float* dst,
                 std::size_t plane) const;

  // False where a mean, or a std next to 0, takes a level out of float32's range.
  bool is_finite() const;

 private:
  std::array<std::array<float, 256>, 3> values_;
};

}  // namespace nestor
