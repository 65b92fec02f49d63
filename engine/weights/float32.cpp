#include "engine/weights/float32.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "engine/check.h"

namespace nestor {

namespace {

float from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

float from_float16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1F;
  const std::uint32_t fraction = bits & 0x3FF;
  if (exponent == 0) {  // zero and subnormal numbers: a multiple of 2^-24
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t wide = exponent == 0x1F ? 0xFF : exponent + (127 - 15);
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

template <class From, class Convert>
void convert(std::span<const std::byte> data, std::vector<float>& scratch, Convert one) {
  scratch.resize(data.size() / sizeof(From));
  for (std::size_t i = 0; i < scratch.size(); ++i) {
    From element;  // not aligned in the file
    std::memcpy(&element, data.data() + i * sizeof(From), sizeof(From));
    scratch[i] = one(element);
  }
}

}  // namespace

std::span<const std::byte> as_float32(DType dtype, std::span<const std::byte> data,
                                      std::vector<float>& scratch) {
  switch (dtype) {
    case DType::kFloat32: return data;
    case DType::kFloat16: convert<std::uint16_t>(data, scratch, from_float16); break;
    case DType::kBFloat16: convert<std::uint16_t>(data, scratch, from_bfloat16); break;
    case DType::kFloat64:
      convert<double>(data, scratch, [](double x) { return static_cast<float>(x); });
      break;
    default: fail(ErrorCode::kInternal, "{} is not floating-point", to_string(dtype));
  }
  return std::as_bytes(std::span<const float>(scratch));
}

}  // namespace nestor
