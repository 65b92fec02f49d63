// Layout conversions, element by element.
#include "kernels/layout/layout.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "engine/image/preprocess.h"
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

TEST_CASE("images are normalised to the bits of the engine's preprocessing", "[simt][layout]") {
  constexpr int kImages = 2, kWidth = 17, kHeight = 31;
  const Preprocess preprocess;
  Random random(3);
  std::vector<std::uint8_t> bytes;
  Tensor expected{{kImages, 3, kHeight, kWidth}, {}};
  for (int i = 0; i < kImages; ++i) {
    Image image{.width = kWidth, .height = kHeight, .rgb = {}};
    for (int j = 0; j < 3 * kWidth * kHeight; ++j) {
      // All 256 levels occur in every channel.
      image.rgb.push_back(static_cast<std::uint8_t>(j < 768 ? j / 3 : random.integer(0, 255)));
    }
    bytes.insert(bytes.end(), image.rgb.begin(), image.rgb.end());
    std::vector<float> planes(image.rgb.size());
    normalise(image, preprocess.mean, preprocess.std, planes.data());
    expected.values.insert(expected.values.end(), planes.begin(), planes.end());
  }
  for (const DeviceDType dtype : kDTypes) {
    for_each_schedule([&](Device& device) {
      const Array<std::uint8_t> src(device, bytes);
      const Array<unsigned char> dst(device, unwritten(padded_elements(expected.shape), dtype));
      check(images_to_nhwc({.dtype = dtype,
                            .src = src.data(),
                            .dst = dst.data(),
                            .n = kImages,
                            .pixels = kWidth * kHeight},
                           device.stream()));
      CHECK(dst.values() == to_nhwc(expected, dtype));
    });
  }
}

}  // namespace nestor::test
