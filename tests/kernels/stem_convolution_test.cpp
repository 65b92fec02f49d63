// stem_convolution against the oracle of convolutions.
#include "kernels/stem_convolution/stem_convolution.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

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

ConvolutionParams params_of(int size, Activation activation, bool same = false) {
  return {.stride = 2,
          .pad = same ? 0 : size / 2,
          .has_bias = true,
          .relu = activation == Activation::kRelu,
          .swish = activation == Activation::kSwish,
          .same = same};
}

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

void test(std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t k,
          Activation activation = Activation::kRelu, int size = 3, bool same = false) {
  const Filter filter(k, size);
  for (const DeviceDType dtype : kDTypes) {
    const Tensor src = random_tensor({n, 3, h, w}, 1, dtype, -2, 2);
    const Tensor expected = oracle(convolution_op(), params_of(size, activation, same),
                                   {src, filter.weight, filter.bias});
    for_each_schedule([&](Device& device) {
      const auto run_on = [&](const Tensor& images, const Shape& shape) {
        const Array<unsigned char> memory(device, with_nan_padding(images, dtype));
        return run(device,
                   {.dtype = dtype,
                    .src = memory.data(),
                    .n = static_cast<int>(images.shape[0]),
                    .h = static_cast<int>(h),
                    .w = static_cast<int>(w),
                    .same = same,
                    .activation = activation},
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
                                    .same = same,
                                    .activation = activation},
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
  test(1, 9, 9, 24, Activation::kNone);
  test(1, 9, 9, 24, Activation::kSwish);
}

TEST_CASE("stem_convolution of 7x7 against the oracle", "[simt][stem_convolution]") {
  for (const std::int64_t k : {8, 64}) test(2, 14, 17, k, Activation::kRelu, 7);
  for (const std::int64_t w : {1, 2, 5, 6, 7, 8, 9, 10, 13})
    test(1, 5, w, 16, Activation::kRelu, 7);
  for (const std::int64_t h : {1, 2, 3, 13}) test(3, h, 8, 16, Activation::kNone, 7);
}

TEST_CASE("stem_convolution with TensorFlow's padding", "[simt][stem_convolution]") {
  for (const int size : {3, 7}) {
    for (const std::int64_t h : {1, 2, 3, 8}) {
      for (const std::int64_t w : {1, 2, 9, 16}) {
        test(2, h, w, 16, Activation::kSwish, size, /*same=*/true);
      }
    }
  }
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
  constexpr int kImages = 2, kHeight = 9, kWidth = 14;
  Random random(7);
  std::vector<std::uint8_t> bytes(kImages * kHeight * kWidth * 3);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.integer(0, 255));
  const Shape shape{kImages, 32, 5, 7};
  const auto compare = [&](DeviceDType dtype, int size) {
    const Filter filter(32, size);
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
      const std::string title = fmt::format("images, {}x{}", size, size);
      CHECK(difference(one_step.values, two_steps.values, shape, title) == "");
    });
  };
  for (const DeviceDType dtype : kDTypes) {
    for (const int size : {3, 7}) compare(dtype, size);
  }
}

// --- on tensor cores ----------------------------------------------------------------------------

namespace {

constexpr int kTensorCores[] = {70, 75, 80};

std::uint16_t half_bits(float x) {
  const auto value = static_cast<_Float16>(x);
  std::uint16_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Its weights are halves.
struct HalfFilter : Filter {
  HalfFilter(std::int64_t k, std::int64_t size) : Filter(k, size) {
    weight = random_tensor({k, 3, size, size}, 2, DeviceDType::kFloat16);
  }
  std::vector<std::uint16_t> packed_for(int sm) const {
    const auto k = static_cast<int>(weight.shape[0]), size = static_cast<int>(weight.shape[2]);
    std::vector<std::uint16_t> result(
        static_cast<std::size_t>(packed_stem_weight_elements(size, k, sm)), 0);
    pack_stem_weight(size, k, sm, weight.values.data(), half_bits, result.data());
    return result;
  }
};

Memory run_mma(Device& device, StemConvolutionArgs args, int sm, const HalfFilter& filter) {
  const Array<std::uint16_t> packed(device, filter.packed_for(sm));
  const Array<float> bias(device, filter.bias.values);
  args.k = static_cast<int>(filter.weight.shape[0]);
  const Shape dst_shape{args.n, args.k, (args.h + 1) / 2, (args.w + 1) / 2};
  const Array<unsigned char> dst(device, unwritten(padded_elements(dst_shape), args.dtype));
  args.sm = sm;
  args.size = static_cast<int>(filter.weight.shape[2]);
  args.packed = packed.data();
  args.bias = bias.data();
  args.dst = dst.data();
  check(stem_convolution_mma(args, device.stream()));
  return dst.values();
}

void test_mma(int n, int h, int w, int k, int size, Activation activation = Activation::kRelu,
              bool same = false) {
  const HalfFilter filter(k, size);
  const Tensor src = random_tensor({n, 3, h, w}, 1, DeviceDType::kFloat16, -2, 2);
  const Tensor expected = oracle(convolution_op(), params_of(size, activation, same),
                                 {src, filter.weight, filter.bias});
  for (const int sm : kTensorCores) {
    const std::string title =
        fmt::format("n{}_h{}_w{}_k{} {}x{} on sm_{}", n, h, w, k, size, size, sm);
    const std::vector<DeviceUnderTest> devices = devices_with_tensor_cores(sm);
    if (devices.empty()) continue;
    const auto device = devices.front().open();
    const auto run_on = [&](const Tensor& images) {
      const Array<float> planes(*device, images.values);
      return run_mma(*device,
                     {.planes = planes.data(),
                      .n = static_cast<int>(images.shape[0]),
                      .h = h,
                      .w = w,
                      .same = same,
                      .activation = activation},
                     sm, filter);
    };
    const Tensor got = from_nhwc(run_on(src), expected.shape, DeviceDType::kFloat16);
    CHECK(mismatch(got.values, expected.values, expected.shape, tolerance(DType::kFloat16),
                   title) == "");
    INFO(title);
    CHECK(run_on(src.image(n - 1)) == to_nhwc(got.image(n - 1), DeviceDType::kFloat16));
  }
}

}  // namespace

TEST_CASE("stem_convolution_mma against the oracle", "[simt][stem_convolution]") {
  for (const int size : {3, 7}) {
    for (const int k : {32, 64}) test_mma(2, 14, 17, k, size);
    // A tile of 8 lines x 32 columns of dst.
    for (const int w : {1, 2, 13, 61, 63, 64, 65, 67, 130}) test_mma(1, 3, w, 32, size);
    for (const int h : {1, 2, 13, 15, 17, 18, 34}) test_mma(3, h, 5, 32, size);
    // Several images of one tile that is full, and of several tiles.
    test_mma(2, 16, 64, 32, size);
    test_mma(2, 17, 65, 32, size);
    test_mma(1, 9, 9, 64, size, Activation::kNone);
    test_mma(1, 9, 9, 64, size, Activation::kSwish);
  }
}

TEST_CASE("stem_convolution_mma with TensorFlow's padding", "[simt][stem_convolution]") {
  for (const int size : {3, 7}) {
    for (const int h : {1, 2, 15, 18}) {
      for (const int w : {1, 2, 64, 67}) {
        test_mma(2, h, w, 32, size, Activation::kSwish, /*same=*/true);
      }
    }
  }
}

TEST_CASE("stem_convolution_mma gives the same bits in all schedules", "[simt][stem_convolution]") {
  const Tensor src = random_tensor({2, 3, 19, 70}, 1, DeviceDType::kFloat32, -2, 2);
  for (const int size : {3, 7}) {
    const HalfFilter filter(64, size);
    for (const int sm : kTensorCores) {
      Memory first;
      for (const DeviceUnderTest& one : devices_with_tensor_cores(sm)) {
        INFO(size << " " << one.title);
        const auto device = one.open();
        const Array<float> planes(*device, src.values);
        const Memory got =
            run_mma(*device, {.planes = planes.data(), .n = 2, .h = 19, .w = 70}, sm, filter);
        if (first.empty()) first = got;
        CHECK(got == first);
      }
    }
  }
}

TEST_CASE("stem_convolution_mma of images gives the bits of their normalised planes",
          "[simt][stem_convolution]") {
  // Columns of dst in both halves of a tile, and behind it.
  constexpr int kWidth = 70, kPixels = 2 * 9 * kWidth;
  Random random(7);
  std::vector<std::uint8_t> bytes(kPixels * 3);
  std::vector<float> normalised(bytes.size());
  const StemConvolutionArgs defaults;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(random.integer(0, 255));
    const std::size_t pixel = i / 3, c = i % 3, of_image = kPixels / 2;
    normalised[(pixel / of_image * 3 + c) * of_image + pixel % of_image] =
        (static_cast<float>(bytes[i]) / 255.0F - defaults.mean[c]) / defaults.std[c];
  }
  const auto compare = [&](int sm, const HalfFilter& filter) {
    const std::vector<DeviceUnderTest> devices = devices_with_tensor_cores(sm);
    if (devices.empty()) return;
    const auto device = devices.front().open();
    const Array<std::uint8_t> images(*device, bytes);
    const Array<float> planes(*device, normalised);
    StemConvolutionArgs args{.n = 2, .h = 9, .w = kWidth};
    args.planes = planes.data();
    const Memory of_planes = run_mma(*device, args, sm, filter);
    args.planes = nullptr;
    args.images = images.data();
    CHECK(run_mma(*device, args, sm, filter) == of_planes);
  };
  for (const int size : {3, 7}) {
    for (const int k : {32, 64}) {
      for (const int sm : kTensorCores) compare(sm, HalfFilter(k, size));
    }
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
  CHECK(stem_convolution_mma(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.size = 3;
  args.k = 24;
  CHECK(stem_convolution_mma(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.k = 32;
  args.planes = nullptr;
  CHECK(stem_convolution_mma(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.src = &any;
  CHECK(stem_convolution_mma(args, nullptr).code == DeviceCode::kInvalidArgument);
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

TEST_CASE("stem_convolution_mma has no bank conflicts", "[simt][stem_convolution][counters]") {
  const Tensor src = random_tensor({1, 3, 32, 96}, 1, DeviceDType::kFloat16);
  for (const int size : {3, 7}) {
    for (const int k : {32, 64}) {
      for (const int sm : kTensorCores) {
        const simt::KernelCounters counters = count(
            [&](Device& device) {
              const Array<float> planes(device, src.values);
              run_mma(device, {.planes = planes.data(), .n = 1, .h = 32, .w = 96}, sm,
                      HalfFilter(k, size));
            },
            "stem_convolution_mma", sm);
        INFO(size << "x" << size << ", k " << k << ", sm_" << sm);
        CHECK(counters.shared_requests > 0);
        CHECK(counters.shared_wavefronts == counters.shared_ideal);
      }
    }
  }
}

}  // namespace nestor::test
