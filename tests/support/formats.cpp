#include "tests/support/formats.h"

#include <algorithm>
#include <array>

#include "tests/support/bfloat16.h"

namespace nestor::test {

namespace {

using Extents = std::array<std::int64_t, 4>;

Extents extents(const Shape& shape) {
  Extents result{1, 1, 1, 1};
  std::ranges::copy(shape.dims(), result.begin());
  return result;
}

std::int64_t block_of(Layout layout) {
  if (layout == Layout::kNchw8c || layout == Layout::kNhwc8) return 8;
  return layout == Layout::kNchw16c ? 16 : 1;
}

std::int64_t padded_channels(const Extents& e, Layout layout) {
  const std::int64_t block = block_of(layout);
  return (e[1] + block - 1) / block * block;
}

std::int64_t offset(const Extents& e, Layout layout, std::int64_t n, std::int64_t c,
                    std::int64_t pixel) {
  const std::int64_t pixels = e[2] * e[3];
  if (layout == Layout::kNhwc || layout == Layout::kNhwc8) {
    return (n * pixels + pixel) * padded_channels(e, layout) + c;
  }
  const std::int64_t block = block_of(layout);
  const std::int64_t blocks = (e[1] + block - 1) / block;
  return ((n * blocks + c / block) * pixels + pixel) * block + c % block;
}

float load(const void* from, DType dtype, std::int64_t idx) {
  switch (dtype) {
    case DType::kBFloat16: return from_bfloat16(static_cast<const std::uint16_t*>(from)[idx]);
    case DType::kFloat16: return static_cast<float>(static_cast<const _Float16*>(from)[idx]);
    case DType::kInt32: return static_cast<float>(static_cast<const std::int32_t*>(from)[idx]);
    case DType::kUInt8: return static_cast<const std::uint8_t*>(from)[idx];
    default: return static_cast<const float*>(from)[idx];
  }
}

void store(void* to, DType dtype, std::int64_t idx, float value) {
  switch (dtype) {
    case DType::kBFloat16: static_cast<std::uint16_t*>(to)[idx] = to_bfloat16(value); break;
    case DType::kFloat16: static_cast<_Float16*>(to)[idx] = static_cast<_Float16>(value); break;
    case DType::kInt32:
      static_cast<std::int32_t*>(to)[idx] = static_cast<std::int32_t>(value);
      break;
    case DType::kUInt8:
      static_cast<std::uint8_t*>(to)[idx] = static_cast<std::uint8_t>(value);
      break;
    default: static_cast<float*>(to)[idx] = value;
  }
}

}  // namespace

void pack(std::span<const float> plain, const Shape& shape, BufferFormat format, void* to) {
  const Extents e = extents(shape);
  const std::int64_t pixels = e[2] * e[3];
  for (std::int64_t n = 0; n < e[0]; ++n) {
    for (std::int64_t c = 0; c < padded_channels(e, format.layout); ++c) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        const float value =
            c < e[1] ? plain[static_cast<std::size_t>((n * e[1] + c) * pixels + pixel)] : 0.0F;
        store(to, format.dtype, offset(e, format.layout, n, c, pixel), value);
      }
    }
  }
}

std::vector<float> unpack(const void* from, const Shape& shape, BufferFormat format) {
  const Extents e = extents(shape);
  std::vector<float> plain;
  for (std::int64_t n = 0; n < e[0]; ++n) {
    for (std::int64_t c = 0; c < e[1]; ++c) {
      for (std::int64_t pixel = 0; pixel < e[2] * e[3]; ++pixel) {
        plain.push_back(load(from, format.dtype, offset(e, format.layout, n, c, pixel)));
      }
    }
  }
  return plain;
}

bool padding_is_zero(const void* from, const Shape& shape, BufferFormat format) {
  const Extents e = extents(shape);
  for (std::int64_t n = 0; n < e[0]; ++n) {
    for (std::int64_t c = e[1]; c < padded_channels(e, format.layout); ++c) {
      for (std::int64_t pixel = 0; pixel < e[2] * e[3]; ++pixel) {
        if (load(from, format.dtype, offset(e, format.layout, n, c, pixel)) != 0) return false;
      }
    }
  }
  return true;
}

std::vector<float> rounded(std::vector<float> values, DType dtype) {
  if (dtype == DType::kBFloat16) {
    for (float& value : values) value = round_to_bfloat16(value);
  }
  if (dtype == DType::kFloat16) {
    for (float& value : values) value = static_cast<float>(static_cast<_Float16>(value));
  }
  return values;
}

}  // namespace nestor::test
