#include "engine/weights/float32.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

namespace nestor {

namespace {

float converted(DType dtype, std::uint16_t bits) {
  std::vector<float> scratch;
  const auto bytes = as_float32(dtype, std::as_bytes(std::span(&bits, 1)), scratch);
  float value;
  REQUIRE(bytes.size() == sizeof(value));
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

}  // namespace

TEST_CASE("half precision becomes float32 exactly", "[weights][cpu]") {
  const auto half = [](std::uint16_t bits) { return converted(DType::kFloat16, bits); };
  CHECK(half(0x3C00) == 1.0F);
  CHECK(half(0xC000) == -2.0F);
  CHECK(half(0x7BFF) == 65504.0F);
  CHECK(half(0x0001) == 0x1p-24F);
  CHECK(half(0x83FF) == -0x1.ff8p-15F);
  CHECK((half(0x8000) == 0.0F && std::signbit(half(0x8000))));
  CHECK(half(0x7C00) == INFINITY);
  CHECK(std::isnan(half(0x7E00)));
  const auto brain = [](std::uint16_t bits) { return converted(DType::kBFloat16, bits); };
  CHECK(brain(0x3F80) == 1.0F);
  CHECK(brain(0xC020) == -2.5F);
  CHECK(std::isnan(brain(0x7FC0)));
}

TEST_CASE("double precision is rounded to nearest, float32 is left alone", "[weights][cpu]") {
  std::vector<float> scratch;
  const double value = 1.0 + 0x1.8p-24;
  as_float32(DType::kFloat64, std::as_bytes(std::span(&value, 1)), scratch);
  CHECK(scratch == std::vector<float>{1.0F + 0x1p-23F});
  const float same = 3;
  const auto bytes = std::as_bytes(std::span(&same, 1));
  CHECK(as_float32(DType::kFloat32, bytes, scratch).data() == bytes.data());
}

}  // namespace nestor
