// convolution_max_pool against the oracles of its two ops, and against their kernels, bit by bit.
#include "kernels/convolution_max_pool/convolution_max_pool.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <optional>

#include "engine/ops/convolution/convolution.h"
#include "engine/ops/pooling/pooling.h"
#include "kernels/convolution/convolution.h"
#include "kernels/convolution/packed_weight.h"
#include "kernels/pooling/pooling.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {
namespace {

constexpr DeviceDType kHalf = DeviceDType::kFloat16;

struct Family {
  int sm;
  MmaFamily family;
  int tile;  // of convolution()
};

int first_tile(MmaFamily family) {
  int tile = 0;
  while (kConvolutionTiles[tile].family != family || kConvolutionTiles[tile].n != 64 ||
         kConvolutionTiles[tile].warps_k != 1) {
    ++tile;
  }
  return tile;
}

std::vector<Family> families() {
  std::vector<Family> list;
  for (const auto& [sm, family] :
       {std::pair{70, MmaFamily::kVolta}, std::pair{75, MmaFamily::kTuring},
        std::pair{80, MmaFamily::kAmpere}}) {
    list.push_back({sm, family, first_tile(family)});
  }
  return list;
}

struct Problem {
  ConvolutionShape shape;
  Tensor src, weight, bias;
  Shape y, dst;

  Problem(int n, int h, int w, int c, int k)
      : shape{.n = n, .h = h, .w = w, .c = c, .k = k, .r = 3, .s = 3, .pad = 1},
        src(random_tensor({n, c, h, w}, 1, kHalf)),
        weight(random_tensor({k, c, 3, 3}, 2, kHalf, -0.2F, 0.2F)),
        bias(random_tensor({k}, 3, DeviceDType::kFloat32)),
        y{n, k, h, w},
        dst{n, k, (h + 1) / 2, (w + 1) / 2} {}

  std::string title() const {
    return fmt::format("n{}_c{}_h{}_w{}_k{}", shape.n, shape.c, shape.h, shape.w, shape.k);
  }
  Memory packed(MmaFamily family) const {
    Memory memory(packed_weight_bytes(shape, family));
    const auto half = [](float x) {
      const auto value = static_cast<_Float16>(x);
      std::uint16_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      return bits;
    };
    pack_weight(shape, family, weight.values.data(), half,
                reinterpret_cast<std::uint16_t*>(memory.data()));
    return memory;
  }
  Tensor expected() const {
    const ConvolutionParams convolution{.pad = 1, .has_bias = true, .relu = true};
    const PoolingParams pool{.kind = PoolingParams::Kind::kMax, .kernel = 3, .stride = 2, .pad = 1};
    return oracle(pooling_op(), pool, {oracle(convolution_op(), convolution, {src, weight, bias})});
  }
};

// Without a bias where the problem has none.
Memory run(Device& device, const Problem& problem, const Family& family) {
  const ConvolutionShape& shape = problem.shape;
  const bool has_bias = !problem.bias.values.empty();
  const Array<unsigned char> src(device, to_nhwc(problem.src, kHalf));
  const Array<unsigned char> weight(device, problem.packed(family.family));
  const Array<float> bias(device, has_bias ? problem.bias.values : std::vector<float>(4));
  const Array<unsigned char> dst(device, unwritten(padded_elements(problem.dst), kHalf));
  check(convolution_max_pool({.sm = family.sm,
                              .src = src.data(),
                              .weight = weight.data(),
                              .bias = has_bias ? bias.data() : nullptr,
                              .dst = dst.data(),
                              .n = shape.n,
                              .h = shape.h,
                              .w = shape.w,
                              .c = shape.c,
                              .k = shape.k},
                             device.stream()));
  return dst.values();
}

Memory run_apart(Device& device, const Problem& problem, const Family& family) {
  const ConvolutionShape& shape = problem.shape;
  const Array<unsigned char> src(device, to_nhwc(problem.src, kHalf));
  const Array<unsigned char> weight(device, problem.packed(family.family));
  const Array<float> bias(device, problem.bias.values);
  const Array<unsigned char> y(device, unwritten(padded_elements(problem.y), kHalf));
  const Array<unsigned char> dst(device, unwritten(padded_elements(problem.dst), kHalf));
  ConvolutionArgs args;
  args.shape = shape;
  args.choice.tile = family.tile;
  args.src = src.data();
  args.weight = weight.data();
  args.bias = bias.data();
  args.dst = y.data();
  args.activation = Activation::kRelu;
  check(convolution(args, device.stream()));
  check(pooling({.src = y.data(),
                 .dst = dst.data(),
                 .n = shape.n,
                 .h = shape.h,
                 .w = shape.w,
                 .c = shape.k,
                 .p = static_cast<int>(problem.dst[2]),
                 .q = static_cast<int>(problem.dst[3]),
                 .kernel = 3,
                 .stride = 2,
                 .pad = 1},
                device.stream()));
  return dst.values();
}

void test(const Problem& problem) {
  const Tensor expected = problem.expected();
  for (const Family& family : families()) {
    const std::vector<DeviceUnderTest> devices = devices_with_tensor_cores(family.sm);
    if (devices.empty()) continue;
    const auto device = devices.front().open();
    const std::string title = fmt::format("{} on sm_{}", problem.title(), family.sm);
    const Memory got = run(*device, problem, family);
    CHECK(mismatch(from_nhwc(got, problem.dst, kHalf).values, expected.values, problem.dst,
                   tolerance(dtype_of(kHalf)), title) == "");
    INFO(title);
    CHECK(got == run_apart(*device, problem, family));
  }
}

}  // namespace

TEST_CASE("convolution_max_pool against the oracles", "[simt][convolution_max_pool]") {
  test({1, 14, 16, 32, 64});  // dst of one tile of 7 x 8
  test({2, 28, 15, 64, 64});
  test({1, 17, 19, 32, 128});
  test({1, 7, 9, 96, 192});
}

TEST_CASE("convolution_max_pool at odd sizes", "[simt][convolution_max_pool]") {
  for (const int h : {1, 2, 3, 13}) {
    for (const int w : {1, 2, 3, 17}) test({1, h, w, 32, 64});
  }
  // Lines and columns of dst around a tile's.
  for (const int h : {12, 13, 15, 16}) test({1, h, 32, 32, 64});
  for (const int w : {61, 62, 63, 65}) test({1, 2, w, 32, 64});
  // The widest and the highest tiles, of 42 x 1 and of 1 x 20 pixels of dst.
  for (const int w : {83, 84, 85, 171}) test({1, 1, w, 32, 64});
  for (const int h : {39, 40, 41}) test({1, h, 1, 32, 64});
}

TEST_CASE("convolution_max_pool gives the same bits in all schedules, wherever an image lies",
          "[simt][convolution_max_pool]") {
  const Problem problem(3, 9, 18, 64, 128);
  for (const Family& family : families()) {
    std::optional<Memory> first;
    const std::vector<DeviceUnderTest> devices = devices_with_tensor_cores(family.sm);
    for (const DeviceUnderTest& one : devices) {
      const Memory got = run(*one.open(), problem, family);
      INFO(one.title);
      if (first) CHECK(got == *first);
      first = got;
    }
    if (!first) continue;
    Problem last(1, 9, 18, 64, 128);
    last.src = problem.src.image(2);
    const Tensor batch = from_nhwc(*first, problem.dst, kHalf);
    CHECK(run(*devices.front().open(), last, family) == to_nhwc(batch.image(2), kHalf));
  }
}

TEST_CASE("convolution_max_pool without a bias adds zeros", "[simt][convolution_max_pool]") {
  Problem zeros(1, 5, 9, 32, 128);
  zeros.bias.values.assign(zeros.bias.values.size(), 0.0F);
  Problem none = zeros;
  none.bias.values.clear();
  for (const Family& family : families()) {
    const std::vector<DeviceUnderTest> devices = devices_with_tensor_cores(family.sm);
    if (devices.empty()) continue;
    const auto device = devices.front().open();
    CHECK(run(*device, none, family) == run(*device, zeros, family));
  }
}

TEST_CASE("convolution_max_pool: NaN wins, negative sums and padding do not",
          "[simt][convolution_max_pool]") {
  Problem problem(1, 9, 9, 32, 64);
  problem.weight.values.assign(problem.weight.values.size(), 0.0F);
  problem.bias.values.assign(problem.bias.values.size(), -1.0F);
  for (const Family& family : families()) {
    const std::vector<DeviceUnderTest> devices = devices_with_tensor_cores(family.sm);
    if (devices.empty()) continue;
    const auto device = devices.front().open();
    CHECK(run(*device, problem, family) == Memory(padded_elements(problem.dst) * 2, 0));
    Problem with_nan = problem;
    with_nan.src.values[4 * 9 + 4] = NAN;  // y has it at 3..5, dst at 1..3
    const Tensor got = from_nhwc(run(*device, with_nan, family), problem.dst, kHalf);
    for (std::size_t i = 0; i < got.values.size(); ++i) {
      const std::size_t line = i / 5 % 5, column = i % 5;
      const bool sees_nan = line >= 1 && line <= 3 && column >= 1 && column <= 3;
      CHECK(std::isnan(got.values[i]) == sees_nan);
    }
  }
}

TEST_CASE("convolution_max_pool has no bank conflicts", "[simt][convolution_max_pool][counters]") {
  // Tiles of 7 x 8, of 8 x 7 and of 5 x 11: 56, 64 and 208 pixels of the networks' stems.
  for (const auto& [h, w] : {std::pair{14, 16}, std::pair{16, 14}, std::pair{10, 22}}) {
    const Problem problem(1, h, w, 32, 64);
    for (const Family& family : families()) {
      const simt::KernelCounters counters = count(
          [&](Device& device) { run(device, problem, family); }, "convolution_max_pool", family.sm);
      INFO(problem.title() << " on sm_" << family.sm);
      CHECK(counters.shared_requests > 0);
      CHECK(counters.shared_wavefronts == counters.shared_ideal);
    }
  }
}

TEST_CASE("convolution_max_pool: tiles cover dst with few blocks", "[convolution_max_pool]") {
  const auto share = [](int side) {  // of the products that are in dst
    const int blocks = max_pool_tile(side, side).tiles(side, side);
    return 4.0 * side * side / (blocks * kMaxPoolRows);
  };
  CHECK(share(56) == 0.875);
  CHECK(share(64) > 0.8);
  CHECK(share(80) > 0.8);
  CHECK(share(104) > 0.85);
  CHECK(convolution_max_pool_blocks(16, 112, 112, 64) == 16 * 56);
}

TEST_CASE("convolution_max_pool refuses what it cannot do", "[convolution_max_pool]") {
  CHECK(!convolution_max_pool_supports(1, 8, 8, 24, 64));
  CHECK(!convolution_max_pool_supports(1, 8, 8, 32, 96));
  CHECK(!convolution_max_pool_supports(1, 0, 8, 32, 64));
  CHECK(!convolution_max_pool_supports(4096, 1024, 1024, 32, 64));
  CHECK(convolution_max_pool({.n = 1, .h = 8, .w = 8, .c = 8, .k = 64}, nullptr).code ==
        DeviceCode::kInvalidArgument);
}

}  // namespace nestor::test
