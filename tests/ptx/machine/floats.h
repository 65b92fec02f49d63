// Arithmetic of single lanes that C++ does otherwise than PTX.
#pragma once

#include <immintrin.h>

#include <bit>
#include <cmath>

#include "tests/ptx/machine/operation.h"
#include "tests/ptx/machine/options.h"

namespace nestor::ptx {

inline float half_to_float(u32 bits) { return _cvtsh_ss(static_cast<unsigned short>(bits)); }
inline u32 float_to_half(float x, Round round) {
  switch (round) {
    case Round::kZero: return _cvtss_sh(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
    case Round::kDown: return _cvtss_sh(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    case Round::kUp: return _cvtss_sh(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
    default: return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
}
inline float bf16_to_float(u32 bits) { return std::bit_cast<float>(bits << 16); }
inline u32 float_to_bf16(float x, Round round) {
  const u32 bits = std::bit_cast<u32>(x);
  if (x != x) return 0x7fff;
  if (round == Round::kZero) return bits >> 16;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
// One rounding: fp32 sums and products of halves are exact or rounded to odd by double.
inline u32 half_fma(u32 a, u32 b, u32 c) {
  const double product = static_cast<double>(half_to_float(a)) * half_to_float(b);  // exact
  const double addend = half_to_float(c);
  const double sum = product + addend;
  // To float, to odd where it is not exact, so that the second rounding does no harm.
  float narrow = static_cast<float>(sum);
  if (std::isfinite(sum) && std::isfinite(narrow)) {
    // product + addend may be inexact in double, too: its error decides ties.
    const double t = sum - product;
    const double error = (product - (sum - t)) + (addend - t);
    double rest = sum - static_cast<double>(narrow);
    if (rest == 0) rest = error;
    if (rest != 0) {
      u32 bits = std::bit_cast<u32>(narrow);
      if ((bits & 1) == 0) {
        const bool up = (rest > 0) == (narrow > 0 || (narrow == 0 && rest > 0));
        if (narrow == 0) {
          bits = 1 | (rest < 0 ? 0x80000000u : 0);
        } else {
          bits = up ? bits + 1 : bits - 1;
        }
        narrow = std::bit_cast<float>(bits);
      }
    }
  }
  return float_to_half(narrow, Round::kNearest);
}
inline u32 bf16_fma(u32 a, u32 b, u32 c) {
  // The product is exact in fp32 or overflows as it should; the sum is done in double.
  const double sum = static_cast<double>(bf16_to_float(a)) * bf16_to_float(b) + bf16_to_float(c);
  float narrow = static_cast<float>(sum);
  const double rest = sum - static_cast<double>(narrow);
  if (std::isfinite(narrow) && rest != 0 && (std::bit_cast<u32>(narrow) & 1) == 0 && narrow != 0) {
    const bool up = (rest > 0) == (narrow > 0);
    narrow = std::bit_cast<float>(std::bit_cast<u32>(narrow) + (up ? 1 : -1));
  }
  return float_to_bf16(narrow, Round::kNearest);
}
template <class T>
T float_min(T a, T b) {
  if (a != a) return b;
  if (b != b) return a;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
template <class T>
T float_max(T a, T b) {
  if (a != a) return b;
  if (b != b) return a;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
// What .approx instructions may give: `most` units in the last place beside the true value, to a
// side that depends on the bits of the argument.
inline float approximate(float x, float argument, u32 most) {
  if (!options().worst_approx || !std::isnormal(x)) return x;
  const u32 hash = std::bit_cast<u32>(argument) * 0x9e3779b1u >> 16;
  const u32 bits = std::bit_cast<u32>(x);
  return std::bit_cast<float>(hash % 3 == 0 ? bits : hash % 3 == 1 ? bits + most : bits - most);
}
inline float flush(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}

}  // namespace nestor::ptx
