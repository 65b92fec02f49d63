#include "weights_convert/float16.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "engine/weights/float32.h"
#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

float widened(std::uint16_t bits) {
  std::vector<float> scratch;
  as_float32(DType::kFloat16, std::as_bytes(std::span(&bits, 1)), scratch);
  return scratch[0];
}

}  // namespace

TEST_CASE("float16: every number survives being widened and narrowed again", "[convert][cpu]") {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float wide = widened(half);
    const std::uint16_t back = to_float16(wide);
    if (std::isnan(wide) ? !std::isnan(widened(back)) : back != half) FAIL(bits << " " << back);
  }
}

TEST_CASE("float16: what lies between goes to the nearer, from the middle to the even one",
          "[convert][cpu]") {
  for (std::uint16_t half = 0; half < 0x7BFF; ++half) {  // all positive gaps, subnormal ones too
    const auto next = static_cast<std::uint16_t>(half + 1);
    const float middle = (widened(half) + widened(next)) / 2;  // exact
    const std::uint16_t even = half % 2 == 0 ? half : next;
    const bool ok = to_float16(middle) == even && to_float16(-middle) == (even | 0x8000) &&
                    to_float16(std::nextafter(middle, 0.0F)) == half &&
                    to_float16(std::nextafter(middle, INFINITY)) == next;
    if (!ok) FAIL(half);
  }
  CHECK(to_float16(0x1p-26F) == 0);
  CHECK(to_float16(0x1p-149F) == 0);
  CHECK(to_float16(std::nextafter(65'520.0F, 0.0F)) == 0x7BFF);
  CHECK(to_float16(65'520) == 0x7C00);
  CHECK(to_float16(-1e30F) == 0xFC00);
}

TEST_CASE("float16: finite values that it cannot hold are refused, infinite ones are kept",
          "[convert][cpu]") {
  std::vector<std::uint16_t> scratch;
  const std::vector<float> good{1, INFINITY, -INFINITY, 65'519};
  as_float16("w", std::as_bytes(std::span(good)), scratch);
  CHECK(scratch == std::vector<std::uint16_t>{0x3C00, 0x7C00, 0xFC00, 0x7BFF});
  const std::vector<float> bad{1, -70'000};
  const auto [code, message] =
      error_of([&] { as_float16("layer1.w", std::as_bytes(std::span(bad)), scratch); });
  CHECK(code == ErrorCode::kBadModel);
  CHECK(message ==
        "tensor layer1.w has the value -70000 at element 1, and float16 ends at 65504; store it as "
        "fp32");
}

}  // namespace nestor::test
