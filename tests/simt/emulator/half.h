#pragma once
// Conversions of 16-bit floats, in a few integer instructions each: the toolkit's host versions
// take several times as long.

#include <cstdint>
#include <cstring>

namespace nestor::simt {

inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float float_of(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float float_from_half(std::uint32_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t magnitude = (half & 0x7fffu) << 13;
  // Read as a float the exponent is 112 too small; multiplying also normalises subnormals.
  const std::uint32_t finite = bits_of(float_of(magnitude) * 0x1p112f);
  const bool special = (half & 0x7c00u) == 0x7c00u;
  return float_of(sign | (special ? magnitude | 0x7f800000u : finite));
}

inline float float_from_bfloat(std::uint32_t bfloat) { return float_of(bfloat << 16); }

// To nearest, ties to even.
inline std::uint32_t half_from_float(float value) {
  const std::uint32_t sign = bits_of(value) & 0x80000000u;
  std::uint32_t bits = bits_of(value) ^ sign;
  if (bits >= 0x47800000u) {  // 65536 and more
    bits = bits > 0x7f800000u ? 0x7fffu : 0x7c00u;
  } else if (bits < 0x38800000u) {  // subnormal: the addition rounds
    const float magic = float_of((127 - 15 + 23 - 10 + 1) << 23);
    bits = bits_of(float_of(bits) + magic) - bits_of(magic);
  } else {
    const std::uint32_t odd = bits >> 13 & 1;
    bits = (bits - ((127 - 15) << 23) + 0xfff + odd) >> 13;
  }
  return bits | sign >> 16;
}

// a * b + c rounded once. The product is exact in double, and so is the sum but for terms so far
// apart that only a tie could tell.
inline std::uint32_t half_fma(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  const double exact = static_cast<double>(float_from_half(a)) * float_from_half(b) +
                       static_cast<double>(float_from_half(c));
  // By way of a float that is rounded to odd, which cannot make a tie of what was none.
  float rounded = static_cast<float>(exact);
  if (static_cast<double>(rounded) != exact && rounded == rounded) {
    std::uint32_t bits = bits_of(rounded);
    const bool too_large = (static_cast<double>(rounded) > exact) == (rounded > 0.0f);
    if (too_large && rounded != 0.0f) --bits;
    rounded = float_of(bits | 1);
  }
  return half_from_float(rounded);
}

inline std::uint32_t half2_fma(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  return half_fma(a & 0xffff, b & 0xffff, c & 0xffff) | half_fma(a >> 16, b >> 16, c >> 16) << 16;
}

}  // namespace nestor::simt
