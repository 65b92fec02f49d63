#include "weights_convert/float16.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "engine/check.h"

namespace nestor {

namespace {

constexpr std::uint16_t kInfinity = 0x7C00;
constexpr std::uint16_t kQuietNan = 0x7E00;
constexpr float kSmallestNormal = 0x1p-14F;
constexpr float kBeyond = 65'520;  // from here on the nearest float16 is infinity

}  // namespace

std::uint16_t to_float16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | kQuietNan);
  if (magnitude >= kBeyond) return static_cast<std::uint16_t>(sign | kInfinity);
  if (magnitude < kSmallestNormal) {
    // A multiple of 2^-24. At this sum the last bit of a float is 2^-24: adding rounds.
    const float rounded = magnitude + 0.5F;
    return static_cast<std::uint16_t>(
        sign | (std::bit_cast<std::uint32_t>(rounded) - std::bit_cast<std::uint32_t>(0.5F)));
  }
  const std::uint32_t exponent_and_fraction = (bits & 0x7FFF'FFFF) - ((127U - 15U) << 23);
  const std::uint32_t is_odd = exponent_and_fraction >> 13 & 1;
  const std::uint32_t rounded = (exponent_and_fraction + 0xFFF + is_odd) >> 13;
  return static_cast<std::uint16_t>(sign | rounded);
}

std::span<const std::byte> as_float16(std::string_view tensor, std::span<const std::byte> data,
                                      std::vector<std::uint16_t>& scratch) {
  scratch.resize(data.size() / sizeof(float));
  for (std::size_t i = 0; i < scratch.size(); ++i) {
    float value;  // not aligned in the file
    std::memcpy(&value, data.data() + i * sizeof(float), sizeof(float));
    CHECK_AS(
        kBadModel, std::fabs(value) < kBeyond || !std::isfinite(value),
        "tensor {} has the value {} at element {}, and float16 ends at 65504; store it as fp32",
        tensor, value, i);
    scratch[i] = to_float16(value);
  }
  return std::as_bytes(std::span<const std::uint16_t>(scratch));
}

}  // namespace nestor
