// depthwise_convolution against the oracle of convolutions.
#include "kernels/depthwise_convolution/depthwise_convolution.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "engine/ops/convolution/problem.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {
namespace {

// A problem with its data and what the oracle says.
struct Case {
  Case(const std::string& text, DeviceDType dtype_)
      : title(text), problem(ConvolutionProblem::parse(text)), dtype(dtype_) {
    src = random_tensor(problem.src, 1, dtype, -2, 2);
    weight = random_tensor(problem.weight, 2, dtype);
    bias = random_tensor({problem.weight[0]}, 3, DeviceDType::kFloat32);
    expected = oracle(convolution_op(), problem.params, {src, weight, bias});
  }

  // [row][column][channel, padded with zeros]
  Memory packed_weight() const {
    const Shape& shape = weight.shape;  // [c, 1, size, size]
    const auto taps = static_cast<std::size_t>(shape[2] * shape[3]);
    const auto channels = static_cast<std::size_t>(padded(shape[0]));
    std::vector<float> packed(taps * channels, 0.0F);
    for (std::size_t i = 0; i < weight.values.size(); ++i) {
      packed[i % taps * channels + i / taps] = weight.values[i];
    }
    return stored(packed, dtype);
  }

  DepthwiseConvolutionArgs args() const {
    const ConvolutionParams& p = problem.params;
    const auto before = [&](std::size_t axis) {
      return static_cast<int>(padding(p, problem.src[axis], problem.weight[axis]).before);
    };
    return {.dtype = dtype,
            .n = static_cast<int>(problem.src[0]),
            .h = static_cast<int>(problem.src[2]),
            .w = static_cast<int>(problem.src[3]),
            .c = static_cast<int>(padded(problem.src[1])),
            .p = static_cast<int>(problem.dst[2]),
            .q = static_cast<int>(problem.dst[3]),
            .size = static_cast<int>(problem.weight[2]),
            .stride = p.stride,
            .above = before(2),
            .left = before(3),
            .activation = p.relu    ? Activation::kRelu
                          : p.swish ? Activation::kSwish
                                    : Activation::kNone};
  }

  std::string title;
  ConvolutionProblem problem;
  DeviceDType dtype;
  Tensor src, weight, bias, expected;
};

Memory run(Device& device, const Case& test, const Tensor& images) {
  std::vector<float> padded_bias = test.bias.values;
  padded_bias.resize(static_cast<std::size_t>(padded(test.problem.weight[0])), 0.0F);
  Shape dst_shape = test.problem.dst;
  dst_shape[0] = images.shape[0];
  const Array<unsigned char> src(device, to_nhwc(images, test.dtype));
  const Array<unsigned char> weight(device, test.packed_weight());
  const Array<float> bias(device, padded_bias);
  const Array<unsigned char> dst(device, unwritten(padded_elements(dst_shape), test.dtype));
  DepthwiseConvolutionArgs args = test.args();
  args.n = static_cast<int>(images.shape[0]);
  args.src = src.data();
  args.weight = weight.data();
  args.bias = bias.data();
  args.dst = dst.data();
  check(depthwise_convolution(args, device.stream()));
  return dst.values();
}

// Against the oracle; padding is zero, and the last image's bits are those it has alone.
void test(const std::string& text) {
  for (const DeviceDType dtype : kDTypes) {
    const Case test(text, dtype);
    for_each_schedule([&](Device& device) {
      const Memory memory = run(device, test, test.src);
      const Tensor got = from_nhwc(memory, test.problem.dst, dtype);
      CHECK(mismatch(got.values, test.expected.values, test.problem.dst, tolerance(dtype_of(dtype)),
                     test.title) == "");
      INFO(test.title);
      CHECK(to_nhwc(got, dtype) == memory);
      const std::int64_t last = test.problem.src[0] - 1;
      CHECK(run(device, test, test.src.image(last)) == to_nhwc(got.image(last), dtype));
    });
  }
}

std::string problem(int n, int c, int h, int w, int size, int stride, std::string_view more) {
  return fmt::format("n{}_c{}_h{}_w{}_k{}_r{}_s{}_st{}_g{}_bias_{}", n, c, h, w, c, size, size,
                     stride, c, more);
}

}  // namespace

TEST_CASE("depthwise_convolution of all filters, strides and paddings",
          "[simt][depthwise_convolution]") {
  for (const int size : {3, 5}) {
    for (const int stride : {1, 2}) {
      for (const char* const more : {"relu", "same_swish", "p0_swish", "p1"}) {
        test(problem(2, 16, 8, 9, size, stride, more));
        test(problem(1, 24, 7, 6, size, stride, more));
      }
    }
  }
}

TEST_CASE("depthwise_convolution at the edges of runs, lines and chunks",
          "[simt][depthwise_convolution]") {
  // Runs of 4 and of 2 pixels of dst, up to 4 of these a block.
  for (const int w : {1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 33}) {
    test(problem(1, 8, 3, w, 3, 1, "same_swish"));
    test(problem(1, 8, 3, w, 3, 2, "same"));
    test(problem(1, 8, 3, w, 5, 2, "same"));
  }
  // 64 lines with a chunk and four runs of a line, 32 with 8 chunks, 128 with two runs.
  for (const int h : {1, 2, 13, 31, 32, 33, 63, 64, 65}) {
    test(problem(1, 8, h, 13, 3, 1, "same"));
    test(problem(2, 64, h, 2, 3, 1, "same_relu"));
  }
  for (const int h : {1, 2, 13, 254, 256, 258}) test(problem(1, 8, h, 5, 5, 2, "same"));
  // 8 chunks a block: 1, 7, 8, 9, 12 (two blocks of 6), 17 (three of 6), and a part of a chunk.
  for (const int c : {8, 56, 64, 72, 96, 136, 3, 13}) {
    test(problem(1, c, 4, 5, 3, 1, "same_swish"));
    test(problem(1, c, 5, 4, 5, 2, "same_swish"));
  }
}

TEST_CASE("depthwise_convolution keeps what is not a number within its windows and its channel",
          "[simt][depthwise_convolution]") {
  for (const DeviceDType dtype : kDTypes) {
    const Case test(problem(1, 16, 7, 7, 3, 1, "same"), dtype);
    on_a_device([&](Device& device) {
      Tensor src = test.src;
      src.values[5 * 49] = NAN;  // channel 5, the first pixel
      const Tensor got = from_nhwc(run(device, test, src), test.problem.dst, dtype);
      for (std::size_t i = 0; i < got.values.size(); ++i) {
        const bool sees_nan = i / 49 == 5 && i % 49 / 7 < 2 && i % 7 < 2;
        CHECK(std::isnan(got.values[i]) == sees_nan);
      }
    });
  }
}

TEST_CASE("depthwise_convolution refuses what it cannot do", "[simt][depthwise_convolution]") {
  const DepthwiseConvolutionArgs possible{
      .n = 1, .h = 4, .w = 4, .c = 8, .p = 4, .q = 4, .above = 1, .left = 1};
  const auto refused_with = [&](auto change) {
    DepthwiseConvolutionArgs args = possible;
    change(args);
    return depthwise_convolution(args, nullptr).code == DeviceCode::kInvalidArgument;
  };
  CHECK(refused_with([](auto& args) { args.n = 0; }));
  CHECK(refused_with([](auto& args) { args.c = 12; }));
  CHECK(refused_with([](auto& args) { args.size = 4; }));
  CHECK(refused_with([](auto& args) { args.stride = 3; }));
  CHECK(refused_with([](auto& args) { args.above = 3; }));
  CHECK(refused_with([](auto& args) { args.left = -1; }));
  CHECK(refused_with([](auto& args) { args.p = 6; }));  // begins behind src
  CHECK(refused_with([](auto& args) { args.q = 0; }));
}

TEST_CASE("depthwise_convolution reads whole sectors", "[simt][depthwise_convolution][counters]") {
  const Case test(problem(1, 64, 8, 16, 3, 1, "same"), DeviceDType::kFloat16);
  const simt::KernelCounters counters =
      count([&](Device& device) { run(device, test, test.src); }, "depthwise_convolution");
  // But for the bias: a chunk of it is read by halves.
  CHECK(counters.global_sectors * 40 < counters.global_ideal * 41);
}

}  // namespace nestor::test
