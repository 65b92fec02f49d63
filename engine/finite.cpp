#include "engine/finite.h"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace nestor {

namespace {

constexpr std::size_t kRun = 4096;  // looked at as a whole, without branches

bool is_finite(float value) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  return (std::bit_cast<std::uint32_t>(value) & kExponent) != kExponent;
}

bool all_finite(std::span<const float> values) {
  std::uint32_t bad = 0;
  for (const float value : values) bad |= static_cast<std::uint32_t>(!is_finite(value));
  return bad == 0;
}

}  // namespace

std::optional<std::size_t> first_not_finite(std::span<const float> values) {
  for (std::size_t begin = 0; begin < values.size(); begin += kRun) {
    const auto run = values.subspan(begin, std::min(kRun, values.size() - begin));
    if (all_finite(run)) continue;
    return begin + static_cast<std::size_t>(std::ranges::find_if_not(run, is_finite) - run.begin());
  }
  return std::nullopt;
}

}  // namespace nestor
