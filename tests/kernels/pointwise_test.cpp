// The small kernels of plans that keep every op apart, against their oracles.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/concat/concat.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/swish/swish.h"
#include "kernels/add/add.h"
#include "kernels/attention_sum/attention_sum.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/concat/concat.h"
#include "kernels/r_softmax/r_softmax.h"
#include "kernels/radix_sum/radix_sum.h"
#include "kernels/relu/relu.h"
#include "kernels/swish/swish.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {
namespace {

// Launches on the stored tensors `inputs` and compares with the oracle.
using Launch =
    std::function<DeviceStatus(Device&, const std::vector<const void*>& inputs, void* dst)>;

void test(const std::string& title, DeviceDType dtype, const std::vector<Tensor>& inputs,
          const Tensor& expected, const Launch& launch) {
  for_each_schedule([&](Device& device) {
    std::vector<std::unique_ptr<Array<unsigned char>>> arrays;
    std::vector<const void*> pointers;
    for (const Tensor& input : inputs) {
      arrays.push_back(std::make_unique<Array<unsigned char>>(device, to_nhwc(input, dtype)));
      pointers.push_back(arrays.back()->data());
    }
    const Array<unsigned char> dst(device, unwritten(padded_elements(expected.shape), dtype));
    check(launch(device, pointers, dst.data()));
    const Tensor got = from_nhwc(dst.values(), expected.shape, dtype);
    CHECK(to_nhwc(got, dtype) == dst.values());  // padding is zero
    CHECK(mismatch(got.values, expected.values, expected.shape, tolerance(dtype_of(dtype)),
                   title) == "");
  });
}

const Shape kShapes[] = {{1, 8, 1, 1},  {1, 8, 15, 17}, {1, 8, 16, 16}, {1, 8, 257, 1},
                         {2, 80, 3, 5}, {3, 96, 2, 3},  {1, 2048, 2, 2}};

}  // namespace

TEST_CASE("add, relu and swish kernels", "[simt][add][relu][swish]") {
  for (const DeviceDType dtype : kDTypes) {
    for (const Shape& shape : kShapes) {
      const Tensor a = random_tensor(shape, 1, dtype), b = random_tensor(shape, 2, dtype);
      const std::int64_t count = shape.num_elements();
      test("add " + shape.to_string(), dtype, {a, b}, oracle(add_op(), {}, {a, b}),
           [&](Device& device, const auto& in, void* dst) {
             return add({dtype, in[0], in[1], dst, count}, device.stream());
           });
      test("relu " + shape.to_string(), dtype, {a}, oracle(relu_op(), {}, {a}),
           [&](Device& device, const auto& in, void* dst) {
             return relu(ReluArgs{dtype, in[0], dst, count}, device.stream());
           });
      test("swish " + shape.to_string(), dtype, {a}, oracle(swish_op(), {}, {a}),
           [&](Device& device, const auto& in, void* dst) {
             return swish(SwishArgs{dtype, in[0], dst, count}, device.stream());
           });
    }
  }
  CHECK(add({.count = 12}, nullptr).code == DeviceCode::kInvalidArgument);
  CHECK(relu(ReluArgs{.count = 0}, nullptr).code == DeviceCode::kInvalidArgument);
  CHECK(swish(SwishArgs{.count = 0}, nullptr).code == DeviceCode::kInvalidArgument);
  CHECK(swish(SwishArgs{.count = 12}, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("swish far from zero is 0 or its argument, and passes NaN on", "[simt][swish]") {
  for (const DeviceDType dtype : kDTypes) {
    on_a_device([&](Device& device) {
      const Array<unsigned char> x(
          device, stored({NAN, -100, -60000, 0, 100, 60000, INFINITY, -0.0F}, dtype));
      check(swish(SwishArgs{dtype, x.data(), x.data(), 8}, device.stream()));
      const std::vector<float> got = loaded(x.values(), dtype);
      CHECK(std::isnan(got[0]));
      CHECK(std::abs(got[1]) < 1e-30F);
      CHECK(std::vector<float>(got.begin() + 2, got.end()) ==
            std::vector<float>{0, 0, 100, loaded(stored({60000}, dtype), dtype)[0], INFINITY, 0});
    });
  }
}

TEST_CASE("relu passes NaN on", "[simt][relu]") {
  for (const DeviceDType dtype : kDTypes) {
    on_a_device([&](Device& device) {
      const Array<unsigned char> x(device,
                                   stored({NAN, -1, 0, 2, -INFINITY, INFINITY, -0.0F, 1}, dtype));
      check(relu(ReluArgs{dtype, x.data(), x.data(), 8}, device.stream()));
      const std::vector<float> got = loaded(x.values(), dtype);
      CHECK(std::isnan(got[0]));
      CHECK(std::vector<float>(got.begin() + 1, got.end()) ==
            std::vector<float>{0, 0, 2, 0, INFINITY, 0, 1});
    });
  }
}

TEST_CASE("concat kernel", "[simt][concat]") {
  // Sources that begin at a multiple of 8 and elsewhere, end there and elsewhere, and are shorter
  // than a chunk; one, and as many as there may be; pixels around a block of threads.
  const std::vector<std::vector<std::int64_t>> kChannels = {
      {8},       {13},      {8, 16},      {16, 24, 8, 40}, {16, 9},
      {7, 8, 9}, {3, 1, 1}, {8, 3, 2, 8}, {12, 20, 31},    {8, 1, 7, 16, 2, 2, 4, 5}};
  const auto compare = [](const std::vector<std::int64_t>& channels, const Shape& like) {
    for (const DeviceDType dtype : kDTypes) {
      std::vector<Tensor> srcs;
      for (const std::int64_t c : channels) {
        srcs.push_back(random_tensor({like[0], c, like[2], like[3]}, srcs.size() + 1, dtype));
      }
      const Tensor expected = oracle(concat_op(), {}, srcs);
      test("concat " + expected.shape.to_string(), dtype, srcs, expected,
           [&](Device& device, const auto& in, void* dst) {
             ConcatArgs args{.dtype = dtype, .sources = {}, .dst = dst};
             args.num_sources = static_cast<int>(in.size());
             args.pixels = like[0] * like[2] * like[3];
             for (std::size_t i = 0; i < in.size(); ++i) {
               args.sources[i] = {in[i], static_cast<int>(channels[i])};
             }
             return concat(args, device.stream());
           });
    }
  };
  for (const auto& channels : kChannels) compare(channels, {2, 0, 3, 5});
  for (const std::int64_t w : {127, 128, 129}) compare({8, 5}, {1, 0, 1, w});

  ConcatArgs args{.sources = {{nullptr, 8}}, .num_sources = 9, .pixels = 1};
  CHECK(concat(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.num_sources = 0;
  CHECK(concat(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.num_sources = 2;  // the second has no channels
  CHECK(concat(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.num_sources = 1;
  args.pixels = 0;
  CHECK(concat(args, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("batch_norm kernel", "[simt][batch_norm]") {
  const BatchNormParams params;
  for (const DeviceDType dtype : kDTypes) {
    for (const Shape& shape : kShapes) {
      const std::int64_t c = shape[1];
      const auto parameter = [&](std::uint64_t seed, float low) {
        return random_tensor({c}, seed, DeviceDType::kFloat32, low, 1.5F);
      };
      const Tensor src = random_tensor(shape, 1, dtype), gamma = parameter(2, 0.5F),
                   beta = parameter(3, -1), mean = parameter(4, -1), variance = parameter(5, 0.5F);
      std::vector<float> scale, shift;
      for (std::size_t i = 0; i < static_cast<std::size_t>(c); ++i) {
        const double factor = gamma.values[i] / std::sqrt(variance.values[i] + params.eps);
        scale.push_back(static_cast<float>(factor));
        shift.push_back(static_cast<float>(beta.values[i] - mean.values[i] * factor));
      }
      test("batch_norm " + shape.to_string(), dtype, {src},
           oracle(batch_norm_op(), params, {src, gamma, beta, mean, variance}),
           [&](Device& device, const auto& in, void* dst) {
             const Array<float> device_scale(device, scale), device_shift(device, shift);
             const DeviceStatus status =
                 batch_norm({dtype, in[0], device_scale.data(), device_shift.data(), dst,
                             shape[0] * shape[2] * shape[3], static_cast<int>(c)},
                            device.stream());
             device.synchronize();
             return status;
           });
    }
  }
}

TEST_CASE("radix_sum and attention_sum kernels", "[simt][radix_sum][attention_sum]") {
  for (const DeviceDType dtype : kDTypes) {
    for (const int radix : {1, 2, 3, 4}) {
      for (const int width : {8, 40, 64, 80}) {
        const int n = 2, pixels = 7;
        const std::string title = fmt::format("radix {} width {}", radix, width);
        const Tensor src = random_tensor({n, radix * width, pixels, 1}, 1, dtype);
        const Tensor gates =
            random_tensor({n, radix * width, 1, 1}, 2, DeviceDType::kFloat32, 0, 1);
        test(title, dtype, {src}, oracle(radix_sum_op(), RadixSumParams{radix}, {src}),
             [&](Device& device, const auto& in, void* dst) {
               return radix_sum({dtype, in[0], dst, n * pixels, width, radix}, device.stream());
             });
        test(title, dtype, {src},
             oracle(attention_sum_op(), AttentionSumParams{radix}, {src, gates}),
             [&](Device& device, const auto& in, void* dst) {
               const Array<float> attention(device, gates.values);
               const DeviceStatus status = attention_sum(
                   {dtype, in[0], attention.data(), dst, n, pixels, width, radix}, device.stream());
               device.synchronize();
               return status;
             });
      }
    }
  }
}

TEST_CASE("r_softmax kernel", "[simt][r_softmax]") {
  for (const int radix : {1, 2, 3, 4}) {
    for (const int cardinality : {1, 2, 4}) {
      for (const int channels : {1, 24, 67}) {
        const Tensor src = random_tensor({3, radix * cardinality * channels, 1, 1}, 1,
                                         DeviceDType::kFloat32, -200, 200);
        const Tensor expected = oracle(r_softmax_op(), RSoftmaxParams{radix, cardinality}, {src});
        for_each_schedule([&](Device& device) {
          const Array<float> x(device, src.values);
          const Array<float> y(device, std::vector<float>(src.values.size(), NAN));
          check(r_softmax(RSoftmaxArgs{x.data(), y.data(), 3, channels, radix, cardinality},
                          device.stream()));
          CHECK(mismatch(y.values(), expected.values, expected.shape, tolerance(DType::kFloat32),
                         fmt::format("radix {} cardinality {} channels {}", radix, cardinality,
                                     channels)) == "");
        });
      }
    }
  }
}

}  // namespace nestor::test
