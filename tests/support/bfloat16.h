#pragma once
// bfloat16 for tests, written apart from the engine's.

#include <bit>
#include <cmath>
#include <cstdint>

namespace nestor::test {

inline float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

// To nearest, ties to even.
inline std::uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40U);
  const std::uint32_t below = bits & 0xFFFFU;
  std::uint32_t upper = bits >> 16;
  if (below > 0x8000U || (below == 0x8000U && upper % 2 == 1)) ++upper;
  return static_cast<std::uint16_t>(upper);
}

inline float round_to_bfloat16(float value) { return from_bfloat16(to_bfloat16(value)); }

}  // namespace nestor::test
