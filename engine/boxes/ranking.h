#pragma once
// Scores and where they were found as one number, so that sorting numbers upwards puts the higher
// score first and, of equal scores, the lower place.

#include <cstdint>
#include <cstring>

namespace nestor {

using Rank = std::uint64_t;

// `score` is not negative, and no NaN.
inline Rank rank_of(float score, std::uint32_t place) {
  std::uint32_t bits;
  std::memcpy(&bits, &score, sizeof(bits));
  return Rank{~bits} << 32 | place;
}

inline std::uint32_t place_of(Rank rank) { return static_cast<std::uint32_t>(rank); }

inline float score_of(Rank rank) {
  const std::uint32_t bits = ~static_cast<std::uint32_t>(rank >> 32);
  float score;
  std::memcpy(&score, &bits, sizeof(score));
  return score;
}

}  // namespace nestor
