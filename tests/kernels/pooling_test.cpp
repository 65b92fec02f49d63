// pooling against the op's oracle.
#include "kernels/pooling/pooling.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "engine/ops/pooling/pooling.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {
namespace {

constexpr PoolingParams kStem{
    .kind = PoolingParams::Kind::kMax, .kernel = 3, .stride = 2, .pad = 1};
constexpr PoolingParams kShortcut{
    .kind = PoolingParams::Kind::kAverage, .kernel = 2, .stride = 2, .ceil_mode = true};
constexpr PoolingParams kAvd{.kind = PoolingParams::Kind::kAverage,
                             .kernel = 3,
                             .stride = 2,
                             .pad = 1,
                             .count_include_pad = true};

Tensor run(Device& device, const PoolingParams& p, DeviceDType dtype, const Tensor& src,
           const Shape& dst_shape) {
  const Array<unsigned char> memory(device, to_nhwc(src, dtype));
  const Array<unsigned char> dst(device, unwritten(padded_elements(dst_shape), dtype));
  check(pooling({.dtype = dtype,
                 .src = memory.data(),
                 .dst = dst.data(),
                 .n = static_cast<int>(src.shape[0]),
                 .h = static_cast<int>(src.shape[2]),
                 .w = static_cast<int>(src.shape[3]),
                 .c = static_cast<int>(padded(src.shape[1])),
                 .p = static_cast<int>(dst_shape[2]),
                 .q = static_cast<int>(dst_shape[3]),
                 .kernel = p.kernel,
                 .stride = p.stride,
                 .pad = p.pad,
                 .is_max = p.kind == PoolingParams::Kind::kMax,
                 .count_include_pad = p.count_include_pad},
                device.stream()));
  return from_nhwc(dst.values(), dst_shape, dtype);
}

void test(const PoolingParams& p, const Shape& shape) {
  for (const DeviceDType dtype : kDTypes) {
    const Tensor src = random_tensor(shape, 1, dtype, -2, 2);
    const Tensor expected = oracle(pooling_op(), p, {src});
    const std::string title =
        fmt::format("{} kernel {} stride {} pad {}", shape.to_string(), p.kernel, p.stride, p.pad);
    for_each_schedule([&](Device& device) {
      const Tensor got = run(device, p, dtype, src, expected.shape);
      if (p.kind == PoolingParams::Kind::kMax) {
        CHECK(difference(got.values, expected.values, expected.shape, title) == "");
      } else {
        CHECK(mismatch(got.values, expected.values, expected.shape, tolerance(dtype_of(dtype)),
                       title) == "");
      }
    });
  }
}

}  // namespace

TEST_CASE("pooling kernels of the networks", "[simt][pooling]") {
  test(kStem, {1, 64, 14, 14});
  test(kStem, {2, 128, 7, 9});
  test(kShortcut, {1, 256, 6, 8});
  test(kShortcut, {2, 1024, 3, 5});
  test(kAvd, {1, 128, 7, 6});
  for (const std::int64_t channels : {8, 80, 96, 160, 192, 320, 384, 512, 640, 768, 2048}) {
    test(kStem, {1, channels, 3, 3});
  }
}

TEST_CASE("pooling kernels at odd sizes and windows", "[simt][pooling]") {
  for (const std::int64_t h : {1, 2, 3, 4, 13}) {
    for (const std::int64_t w : {1, 2, 3, 4, 13}) {
      test(kStem, {1, 8, h, w});
      test(kShortcut, {1, 8, h, w});
      test(kAvd, {3, 8, h, w});
    }
  }
  // Threads of a grid: a block less 1, a block, and one more.
  for (const std::int64_t pixels : {255, 256, 257}) {
    test({.kind = PoolingParams::Kind::kAverage, .kernel = 1}, {1, 8, pixels, 1});
  }
  for (const auto kind : {PoolingParams::Kind::kMax, PoolingParams::Kind::kAverage}) {
    test({.kind = kind, .kernel = 5, .stride = 3, .pad = 2}, {2, 16, 11, 7});
    test({.kind = kind, .kernel = 5, .stride = 2, .pad = 1, .ceil_mode = true}, {1, 24, 8, 9});
    test({.kind = kind, .kernel = 2, .stride = 1, .pad = 1, .count_include_pad = true},
         {1, 3, 4, 5});
    test({.kind = kind, .kernel = 3, .stride = 1}, {1, 8, 3, 3});
  }
}

TEST_CASE("NaN wins a maximum and padding never does", "[simt][pooling]") {
  for (const DeviceDType dtype : kDTypes) {
    on_a_device([&](Device& device) {
      Tensor src{{1, 8, 5, 5}, std::vector<float>(200, -std::numeric_limits<float>::infinity())};
      src.values[2 * 25 + 12] = NAN;  // channel 2, the centre
      const Tensor got = run(device, kStem, dtype, src, {1, 8, 3, 3});
      for (std::size_t i = 0; i < got.values.size(); ++i) {
        const bool sees_nan = i == 2 * 9 + 4;
        CHECK(std::isnan(got.values[i]) == sees_nan);
        if (!sees_nan) CHECK(got.values[i] == -std::numeric_limits<float>::infinity());
      }
      src.values[2 * 25 + 12] = 7;
      src.values[2 * 25 + 13] = NAN;  // before and behind the largest
      CHECK(std::isnan(run(device, kStem, dtype, src, {1, 8, 3, 3}).values[2 * 9 + 4]));
      src.values[2 * 25 + 13] = 1;
      src.values[2 * 25 + 11] = NAN;
      CHECK(std::isnan(run(device, kStem, dtype, src, {1, 8, 3, 3}).values[2 * 9 + 4]));
    });
  }
}

TEST_CASE("pooling refuses windows without a pixel", "[simt][pooling]") {
  PoolingArgs args{.n = 1, .h = 3, .w = 3, .c = 8, .p = 2, .q = 2, .kernel = 2, .stride = 3};
  CHECK(pooling(args, nullptr).code == DeviceCode::kInvalidArgument);  // begins at row 3 of 3
  args.c = 12;
  args.stride = 2;
  CHECK(pooling(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.c = 8;
  args.pad = 2;
  CHECK(pooling(args, nullptr).code == DeviceCode::kInvalidArgument);
}

}  // namespace nestor::test
