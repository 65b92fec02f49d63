// Layout conversions, element by element.
#include "kernels/layout/layout.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/kernels/kernel_test.h"
#include "tests/support/random.h"

namespace nestor::test {
namespace {

void test(const Shape& shape) {
  const Tensor plain = random_tensor(shape, 1, DeviceDType::kFloat32);
  const auto [n, c, pixels] = std::tuple{static_cast<int>(shape[0]), static_cast<int>(shape[1]),
                                         static_cast<int>(shape[2] * shape[3])};
  for (const DeviceDType dtype : kDTypes) {
    const Memory expected = to_nhwc(plain, dtype);
    for_each_schedule([&](Device& device) {
      INFO(shape.to_string());
      const Array<float> src(device, plain.values);
      const Array<unsigned char> nhwc(device, unwritten(padded_elements(shape), dtype));
      check(nchw_to_nhwc({dtype, src.data(), nhwc.data(), n, c, pixels}, device.stream()));
      CHECK(nhwc.values() == expected);
      const Array<float> back(device, std::vector<float>(plain.values.size(), NAN));
      check(nhwc_to_nchw({dtype, nhwc.data(), back.data(), n, c, pixels}, device.stream()));
      CHECK(back.values() == loaded(stored(plain.values, dtype), dtype));
    });
  }
}

}  // namespace

TEST_CASE("layout conversions keep every element and pad with zeros", "[simt][layout]") {
  test({1, 3, 16, 16});
  test({3, 3, 5, 7});
  for (const std::int64_t c : {1, 7, 8, 9, 13, 16, 64, 80}) test({2, c, 3, 5});
  for (const std::int64_t pixels : {1, 255, 256, 257}) test({1, 3, pixels, 1});
  CHECK(nchw_to_nhwc({.n = 1, .c = 0, .pixels = 4}, nullptr).code == DeviceCode::kInvalidArgument);
  CHECK(nhwc_to_nchw({.n = 0, .c = 3, .pixels = 4}, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("images are normalised by two true divisions", "[simt][layout]") {
  // The formula of normalise() in engine/image/preprocess.cpp, to the bit.
  constexpr int kImages = 2, kPixels = 527;
  constexpr float kMean[] = {0.485F, 0.456F, 0.406F}, kStd[] = {0.229F, 0.224F, 0.225F};
  Random random(3);
  std::vector<std::uint8_t> bytes;
  Tensor expected{{kImages, 3, kPixels, 1},
                  std::vector<float>(static_cast<std::size_t>(kImages * 3 * kPixels))};
  for (int i = 0; i < kImages; ++i) {
    for (int pixel = 0; pixel < kPixels; ++pixel) {
      for (int c = 0; c < 3; ++c) {
        // All 256 levels occur in every channel.
        bytes.push_back(static_cast<std::uint8_t>(pixel < 256 ? pixel : random.integer(0, 255)));
        expected.values[static_cast<std::size_t>((i * 3 + c) * kPixels + pixel)] =
            (static_cast<float>(bytes.back()) / 255.0F - kMean[c]) / kStd[c];
      }
    }
  }
  for (const DeviceDType dtype : kDTypes) {
    for_each_schedule([&](Device& device) {
      const Array<std::uint8_t> src(device, bytes);
      const Array<unsigned char> dst(device, unwritten(padded_elements(expected.shape), dtype));
      check(images_to_nhwc(
          {.dtype = dtype, .src = src.data(), .dst = dst.data(), .n = kImages, .pixels = kPixels},
          device.stream()));
      CHECK(dst.values() == to_nhwc(expected, dtype));
    });
  }
  for_each_schedule([&](Device& device) {
    const Array<std::uint8_t> src(device, bytes);
    const Array<float> dst(device, std::vector<float>(expected.values.size(), NAN));
    check(images_to_nchw({.src = src.data(), .dst = dst.data(), .n = kImages, .pixels = kPixels},
                         device.stream()));
    CHECK(dst.values() == expected.values);
  });
  CHECK(images_to_nchw({.n = 1, .pixels = 0}, nullptr).code == DeviceCode::kInvalidArgument);
}

}  // namespace nestor::test
