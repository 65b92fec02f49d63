// global_average_pool, dense and top_k: a classifier's head.
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "kernels/dense/dense.h"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/top_k/top_k.h"
#include "tests/kernels/kernel_test.h"
#include "tests/support/random.h"

namespace nestor::test {
namespace {

void test_pool(const Shape& shape) {
  for (const DeviceDType dtype : kDTypes) {
    const Tensor src = random_tensor(shape, 1, dtype, -1, 3);
    const Tensor expected = oracle(global_average_pool_op(), {}, {src});
    const int c = static_cast<int>(shape[1]), pixels = static_cast<int>(shape[2] * shape[3]);
    for_each_schedule([&](Device& device) {
      const auto run = [&](const Tensor& images) {
        const Array<unsigned char> memory(device, to_nhwc(images, dtype));
        const auto n = static_cast<int>(images.shape[0]);
        const Array<float> dst(device, std::vector<float>(static_cast<std::size_t>(n * c), NAN));
        check(
            global_average_pool({dtype, memory.data(), dst.data(), n, pixels, c}, device.stream()));
        return dst.values();
      };
      const std::vector<float> got = run(src);
      CHECK(mismatch(got, expected.values, expected.shape, tolerance(DType::kFloat32),
                     shape.to_string()) == "");
      for (std::int64_t i = 0; i < shape[0]; ++i) {
        const std::vector<float> alone = run(src.image(i));
        CHECK(std::equal(alone.begin(), alone.end(), got.begin() + i * c));
      }
    });
  }
}

std::vector<float> run_dense(Device& device, DeviceDType dtype, const Tensor& src,
                             const Tensor& weight, const Tensor& bias,
                             Activation activation = Activation::kNone,
                             const std::vector<std::int32_t>& counts = {}) {
  const Array<float> x(device, src.values), b(device, bias.values);
  const Array<unsigned char> w(device, stored(weight.values, dtype));
  const int n = static_cast<int>(src.shape[0]), k = static_cast<int>(weight.shape[0]);
  const Array<float> dst(device, std::vector<float>(static_cast<std::size_t>(n * k), NAN));
  const Array<std::int32_t> in_use(device, counts);
  CountedRows rows;
  if (!counts.empty()) rows = {in_use.data(), n / static_cast<int>(counts.size())};
  check(dense({dtype, x.data(), w.data(), b.data(), dst.data(), n,
               static_cast<int>(weight.shape[1]), k, activation, rows},
              device.stream()));
  return dst.values();
}

void test_dense(std::int64_t n, std::int64_t c, std::int64_t k) {
  for (const DeviceDType dtype : kDTypes) {
    const Tensor src = random_tensor({n, c, 1, 1}, 1, DeviceDType::kFloat32);
    const Tensor weight = random_tensor({k, c}, 2, dtype);
    const Tensor bias = random_tensor({k}, 3, DeviceDType::kFloat32);
    const Tensor expected = oracle(dense_op(), DenseParams{}, {src, weight, bias});
    for_each_schedule([&](Device& device) {
      const std::vector<float> got = run_dense(device, dtype, src, weight, bias);
      CHECK(mismatch(got, expected.values, expected.shape, tolerance(DType::kFloat32),
                     fmt::format("n{}_c{}_k{}", n, c, k)) == "");
      const std::vector<float> alone = run_dense(device, dtype, src.image(n - 1), weight, bias);
      CHECK(std::equal(alone.begin(), alone.end(), got.begin() + (n - 1) * k));
    });
  }
}

// Of images of `per_image` vectors each.
void test_counted_dense(int per_image, const std::vector<std::int32_t>& counts) {
  const int n = per_image * static_cast<int>(counts.size()), k = 17;
  const Tensor src = random_tensor({n, 24, 1, 1}, 1, DeviceDType::kFloat32);
  const Tensor bias = random_tensor({k}, 3, DeviceDType::kFloat32);
  for (const DeviceDType dtype : kDTypes) {
    const Tensor weight = random_tensor({k, 24}, 2, dtype);
    for_each_schedule([&](Device& device) {
      const std::vector<float> all = run_dense(device, dtype, src, weight, bias);
      const std::vector<float> got =
          run_dense(device, dtype, src, weight, bias, Activation::kNone, counts);
      for (int first = 0; first < n; first += kDenseImages) {
        const int end = std::min(first + kDenseImages, n);
        bool any = false;
        for (int row = first; row < end; ++row) {
          any = any || row % per_image < counts[static_cast<std::size_t>(row / per_image)];
        }
        INFO("vectors " << first << " to " << end << " of " << per_image << " an image");
        for (int i = first * k; i < end * k; ++i) {
          const auto at = static_cast<std::size_t>(i);
          CHECK((any ? got[at] == all[at] : std::isnan(got[at])));
        }
      }
    });
  }
}

// As the convolution of one pixel that squeeze and excitation has.
void test_activated_dense(Activation activation) {
  const ConvolutionParams params{.has_bias = true,
                                 .relu = activation == Activation::kRelu,
                                 .swish = activation == Activation::kSwish};
  const Tensor src = random_tensor({5, 40, 1, 1}, 1, DeviceDType::kFloat32, -2, 2);
  const Tensor bias = random_tensor({24}, 3, DeviceDType::kFloat32);
  for (const DeviceDType dtype : kDTypes) {
    const Tensor weight = random_tensor({24, 40, 1, 1}, 2, dtype);
    const Tensor expected = oracle(convolution_op(), params, {src, weight, bias});
    for_each_schedule([&](Device& device) {
      CHECK(mismatch(run_dense(device, dtype, src, weight, bias, activation), expected.values,
                     expected.shape, tolerance(DType::kFloat32), "activated") == "");
    });
  }
}

struct Top {
  std::vector<float> values;
  std::vector<std::int32_t> classes;
};

Top run_top_k(Device& device, const std::vector<float>& logits, int n, int k) {
  const auto size = static_cast<std::size_t>(n * k);
  const Array<float> x(device, logits), values(device, std::vector<float>(size, NAN));
  const Array<std::int32_t> classes(device, std::vector<std::int32_t>(size, -1));
  check(top_k({x.data(), values.data(), classes.data(), n, static_cast<int>(logits.size()) / n, k},
              device.stream()));
  return {values.values(), classes.values()};
}

void test_top_k(const std::vector<float>& logits, int n, int k) {
  const int num_classes = static_cast<int>(logits.size()) / n;
  std::vector<std::int32_t> expected;
  for (int i = 0; i < n; ++i) {
    const float* const row = logits.data() + i * num_classes;
    std::vector<std::int32_t> order(static_cast<std::size_t>(num_classes));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return row[a] > row[b] || (std::isnan(row[b]) && !std::isnan(row[a]));
    });
    expected.insert(expected.end(), order.begin(), order.begin() + k);
  }
  for_each_schedule([&](Device& device) {
    const Top top = run_top_k(device, logits, n, k);
    CHECK(top.classes == expected);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto image = static_cast<int>(i) / k;
      const float value = logits[static_cast<std::size_t>(image * num_classes + expected[i])];
      CHECK((top.values[i] == value || std::isnan(value)));
    }
  });
}

}  // namespace

TEST_CASE("global_average_pool kernel", "[simt][global_average_pool]") {
  test_pool({3, 2048, 7, 7});
  for (const std::int64_t channels : {8, 64, 80, 248, 256, 264, 512, 1024}) {
    test_pool({2, channels, 3, 5});
  }
  for (const std::int64_t pixels : {1, 7, 8, 9, 31, 32, 33}) test_pool({1, 64, pixels, 1});
  on_a_device([](Device& device) {
    const Array<float> sums(device, {1, 2, 3, 4, 5, 6, 7, 8, 10, 20, 30, 40, 50, 60, 70, 80});
    const Array<float> dst(device, std::vector<float>(8, NAN));
    check(global_average_pool({DeviceDType::kFloat32, sums.data(), dst.data(), 1, 2, 8, 4},
                              device.stream()));
    CHECK(dst.values() == std::vector<float>{2.75F, 5.5F, 8.25F, 11, 13.75F, 16.5F, 19.25F, 22});
  });
  GlobalAveragePoolArgs args{.n = 1, .pixels = 4, .c = 12};
  CHECK(global_average_pool(args, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("dense kernel", "[simt][dense]") {
  test_dense(3, 2048, 40);
  for (const std::int64_t k : {1, 3, 4, 5, 15, 16, 17, 97}) test_dense(1, 64, k);
  for (const std::int64_t n : {1, 2, 3, 4, 5, 7, 8, 9}) test_dense(n, 24, 5);
  for (const std::int64_t c : {8, 248, 256, 264, 512}) test_dense(2, c, 10);
  for (const Activation activation : {Activation::kRelu, Activation::kSwish}) {
    test_activated_dense(activation);
  }
  DenseArgs args{.n = 1, .c = 12, .k = 10};
  CHECK(dense(args, nullptr).code == DeviceCode::kInvalidArgument);
  args.c = 16;
  args.rows.per_image = 0;
  CHECK(dense(args, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("dense kernel leaves vectors alone that are not in use", "[simt][dense][counted]") {
  test_counted_dense(9, {4, 0, 9});
  test_counted_dense(9, {5, -1, 1});
  test_counted_dense(8, {8, 3});
  test_counted_dense(1, {0, 0, 0, 0, 1, 0, 0, 0, 0});
}

TEST_CASE("top_k kernel", "[simt][top_k]") {
  test_top_k(random_values(3000, 1), 3, 5);
  std::vector<float> zeros = random_values(3000, 2);
  for (std::size_t i = 0; i < zeros.size(); i += 7) zeros[i] = 0.0F;
  test_top_k(zeros, 3, 5);
  for (const std::size_t classes : {1, 2, 31, 255, 256, 257, 997}) {
    for (const int k : {1, 5, 8}) {
      if (static_cast<std::size_t>(k) <= classes) test_top_k(random_values(classes, classes), 1, k);
    }
  }
}

TEST_CASE("equal logits are ordered by class, and NaN comes last", "[simt][top_k]") {
  test_top_k(std::vector<float>(300, 1.5F), 1, 8);
  std::vector<float> logits(300, -3.0F);
  logits[299] = logits[17] = logits[41] = 2;
  logits[40] = 0.0F;
  logits[39] = -0.0F;
  test_top_k(logits, 1, 8);
  const float infinity = std::numeric_limits<float>::infinity();
  test_top_k({NAN, -infinity, infinity, -NAN, 0, -1}, 1, 6);
}

TEST_CASE("logits that differ in their last bit alone are told apart", "[simt][top_k]") {
  test_top_k({3e-9F, 1e-9F, 0, 2e-9F, -1e-9F}, 1, 5);
  test_top_k({1, std::nextafter(1.0F, 2.0F), std::nextafter(1.0F, 0.0F)}, 1, 3);
}

TEST_CASE("top_k refuses what it cannot do", "[simt][top_k]") {
  CHECK(top_k({.n = 1, .num_classes = 20, .k = 9}, nullptr).code == DeviceCode::kInvalidArgument);
  CHECK(top_k({.n = 1, .num_classes = 4, .k = 5}, nullptr).code == DeviceCode::kInvalidArgument);
  CHECK(top_k({.n = 1, .num_classes = 4, .k = 0}, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("the head has no bank conflicts", "[simt][counters]") {
  const Tensor src = random_tensor({2, 2048, 7, 7}, 1, DeviceDType::kFloat16);
  const auto counters = count(
      [&](Device& device) {
        const Array<unsigned char> memory(device, to_nhwc(src, DeviceDType::kFloat16));
        const Array<float> dst(device, 4096);
        check(global_average_pool({DeviceDType::kFloat16, memory.data(), dst.data(), 2, 49, 2048},
                                  device.stream()));
        device.synchronize();
      },
      "global_average_pool");
  CHECK(counters.shared_requests > 0);
  CHECK(counters.shared_wavefronts == counters.shared_ideal);
}

}  // namespace nestor::test
