// stem_convolution against the oracle of convolutions.
#include "kernels/stem_convolution/stem_convolution.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "engine/ops/convolution/convolution.h"
#include "kernels/layout/layout.h"
#include "tests/kernels/kernel_test.h"
#include "tests/support/random.h"

namespace nestor::test {
namespace {

struct Filter {
  Tensor weight, bias;

  explicit Filter(std::int64_t k, std::int64_t size = 3)
      : weight(random_tensor({k, 3, size, size}, 2, DeviceDType::kFloat32)),
        bias(random_tensor({k}, 3, DeviceDType::kFloat32)) {}

  // [row][column][channel of src][k]
  std::vector<float> packed() const {
    std::vector<float> result;
    const auto taps = static_cast<std::size_t>(weight.shape[2] * weight.shape[3]);
    for (std::size_t tap = 0; tap < taps; ++tap) {
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t k = 0; k < bias.values.size(); ++k) {
          result.push_back(weight.values[(k * 3 + c) * taps + tap]);
        }
      }
    }
    return result;
  }
};

Tensor run(Device& device, StemConvolutionArgs args, const Filter& filter, const Shape& dst_shape) {
  const Array<float> weight(device, filter.packed()), bias(device, filter.bias.values);
  const Array<unsigned char> dst(device, unwritten(padded_elements(dst_shape), args.dtype));
  args.weight = weight.data();
  args.bias = bias.data();
  args.dst = dst.data();
  args.size = static_cast<int>(filter.weight.shape[2]);
  args.k = static_cast<int>(filter.bias.values.size());
  check(stem_convolution(args, device.stream()));
  return from_nhwc(dst.values(), dst_shape, args.dtype);
}

// Memory of an NHWC tensor whose padding is NaN: it must not be read.
Memory with_nan_padding(const Tensor& src, DeviceDType dtype) {
  Memory memory = to_nhwc(src, dtype);
  const std::size_t element = element_bytes(dtype);
  for (std::size_t pixel = 0; pixel < memory.size() / (8 * element); ++pixel) {
    for (std::size_t i = 3 * element; i < 8 * element; ++i) memory[pixel * 8 * element + i] = 0xFF;
  }
  return memory;
}

void test(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t k, bool relu = true,
          int size = 3) {
  const Filter filter(k, size);
  for (const DeviceDType dtype : kDTypes) {
    const Tensor src = random_tensor({n, 3, h, w}, 1, dtype, -2, 2);
    const ConvolutionParams params{.stride = 2, .pad = size / 2, .has_bias = true, .relu = relu};
    const Tensor expected = oracle(convolution_op(), params, {src, filter.weight, filter.bias});
    for_each_schedule([&](Device& device) {
      const auto run_on = [&](const Tensor& images, const Shape& shape) {
        const Array<unsigned char> memory(device, with_nan_padding(images, dtype));
        return run(device,
                   {.dtype = dtype,
                    .src = memory.data(),
                    .n = static_cast<int>(images.shape[0]),
                    .h = static_cast<int>(h),
                    .w = static_cast<int>(w),
                    .relu = relu},
                   filter, shape);
      };
      const Tensor got = run_on(src, expected.shape);
      const std::string title = fmt::format("n{}_h{}_w{}_k{} {}x{}", n, h, w, k, size, size);
      CHECK(mismatch(got.values, expected.values, expected.shape, tolerance(dtype_of(dtype)),
                     title) == "");
      const Tensor last = got.image(n - 1);
      CHECK(difference(run_on(src.image(n - 1), last.shape).values, last.values, last.shape,
                       title + " alone") == "");
      const Array<float> planes(device, src.values);
      const Tensor of_planes = run(device,
                                   {.dtype = dtype,
                                    .planes = planes.data(),
                                    .n = static_cast<int>(n),
                                    .h = static_cast<int>(h),
                                    .w = static_cast<int>(w),
                                    .relu = relu},
                                   filter, expected.shape);
      CHECK(difference(of_planes.values, got.values, expected.shape, title + " planes") == "");
    });
  }
}

}  // namespace

TEST_CASE("stem_convolution against the oracle", "[simt][stem_convolution]") {
  for (const std::int64_t k : {8, 32, 64}) test(2, 14, 17, k);
  // Four pixels of dst a thread: columns 1, 3, 4, 5, 7 of dst.
  for (const std::int64_t w : {1, 2, 5, 6, 7, 8, 9, 10, 13}) test(1, 5, w, 32);
  for (const std::int64_t h : {1, 2, 3, 13}) test(3, h, 8, 32);
  for (const std::int64_t h : {62, 64, 66}) test(1, h, 7, 32);  // 124, 128, 132 threads
  test(1, 9, 9, 24, /*relu=*/false);
}

TEST_CASE("stem_convolution of 7x7 against the oracle", "[simt][stem_convolution]") {
  for (const std::int64_t k : {8, 64}) test(2, 14, 17, k, true, 7);
  for (const std::int64_t w : {1, 2, 5, 6, 7, 8, 9, 10, 13}) test(1, 5, w, 16, true, 7);
  for (const std::int64_t h : {1, 2, 3, 13}) test(3, h, 8, 16, false, 7);
}

TEST_CASE("stem_convolution rounds planes as their conversion does", "[simt][stem_convolution]") {
  const Filter filter(32);
  Tensor src = random_tensor({2, 3, 9, 14}, 5, DeviceDType::kFloat32, -2, 2);
  const Shape shape{2, 32, 5, 7};
  for_each_schedule([&](Device& device) {
    const Array<float> planes(device, src.values);
    const Array<unsigned char> tensor(device,
                                      unwritten(padded_elements(src.shape), DeviceDType::kFloat16));
    check(
        nchw_to_nhwc({.src = planes.data(), .dst = tensor.data(), .n = 2, .c = 3, .pixels = 9 * 14},
                     device.stream()));
    StemConvolutionArgs args{.n = 2, .h = 9, .w = 14};
    args.src = tensor.data();
    const Tensor two_steps = run(device, args, filter, shape);
    args.src = nullptr;
    args.planes = planes.data();
    CHECK(difference(run(device, args, filter, shape).values, two_steps.values, shape, "planes") ==
          "");
  });
}

TEST_CASE("stem_convolution of images gives the bits of its two steps",
          "[simt][stem_convolution]") {
  const Filter filter(32);
  constexpr int kImages = 2, kHeight = 9, kWidth = 14;
  Random random(7);
  std::vector<std::uint8_t> bytes(kImages * kHeight * kWidth * 3);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.integer(0, 255));
  const Shape shape{kImages, 32, 5, 7};
  for (const DeviceDType dtype : kDTypes) {
    for_each_schedule([&](Device& device) {
      const Array<std::uint8_t> images(device, bytes);
      const Array<unsigned char> tensor(
          device, unwritten(padded_elements({kImages, 3, kHeight, kWidth}), dtype));
      check(images_to_nhwc({.dtype = dtype,
                            .src = images.data(),
                            .dst = tensor.data(),
                            .n = kImages,
                            .pixels = kHeight * kWidth},
                           device.stream()));
      StemConvolutionArgs args{.dtype = dtype, .n = kImages, .h = kHeight, .w = kWidth};
      args.src = tensor.data();
      const Tensor two_steps = run(device, args, filter, shape);
      args.src = nullptr;
      args.images = images.data();
      const Tensor one_step = run(device, args, filter, shape);
      CHECK(difference(one_step.values, two_steps.values, shape, "images") == "");
    });
  }
}

TEST_CASE("stem_convolution refuses what it cannot do", "[simt][stem_convolution]") {
  const float any = 0;
  StemConvolutionArgs args{.src = &any, .n = 1, .h = 4, .w = 4, .k = 72};
  CHECK(stem_convolution(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.k = 32;
  args.planes = &any;
  CHECK(stem_convolution(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.src = nullptr;
  args.planes = nullptr;
  CHECK(stem_convolution(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.planes = &any;
  args.size = 5;
  CHECK(stem_convolution(args, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("stem_convolution has no bank conflicts", "[simt][stem_convolution][counters]") {
  for (const std::int64_t k : {32, 64}) {
    const Filter filter(k, k == 32 ? 3 : 7);
    const Tensor src = random_tensor({1, 3, 16, 16}, 1, DeviceDType::kFloat16);
    const auto counters = count(
        [&](Device& device) {
          const Array<unsigned char> memory(device, to_nhwc(src, DeviceDType::kFloat16));
          run(device, {.src = memory.data(), .n = 1, .h = 16, .w = 16}, filter, {1, k, 8, 8});
        },
        "stem_convolution");
    CHECK(counters.shared_requests > 0);
    CHECK(counters.shared_wavefronts == counters.shared_ideal);
  }
}

}  // namespace nestor::test
