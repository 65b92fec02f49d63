// Convolutions on the emulator, every tile against the oracle.
#include "kernels/convolution/convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>

#include "emulator/build.h"
#include "engine/ops/convolution/problem.h"
#include "kernels/convolution/packed_weight.h"
#include "kernels/split_attention/split_attention.h"
#include "tests/kernels/family_devices.h"
#include "tests/support/random.h"

namespace nestor::test {
namespace {

int tile_named(std::string_view name) {
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    if (kConvolutionTiles[i].name == name) return i;
  }
  throw std::invalid_argument(fmt::format("no tile {}", name));
}

// A problem with its data and what the oracle says.
struct Case {
  Case(const char* text, DeviceDType dtype_, int radix_ = 0)
      : title(text), problem(ConvolutionProblem::parse(text)), dtype(dtype_), radix(radix_) {
    const ConvolutionParams& p = problem.params;
    const std::uint64_t seed = seed_of(text);
    src = random_tensor(problem.src, seed, dtype);
    weight = random_tensor(problem.weight, seed + 1, dtype);
    const std::int64_t k = problem.weight[0];
    bias = random_tensor({k}, seed + 2, DeviceDType::kFloat32);
    residual = random_tensor(problem.dst, seed + 3, dtype, -4, 4);
    std::vector<Tensor> inputs{src, weight};
    if (p.has_bias) inputs.push_back(bias);
    if (p.has_residual) inputs.push_back(residual);
    expected = oracle(convolution_op(), p, inputs);
    shape = {static_cast<int>(problem.src[0]),
             static_cast<int>(problem.src[2]),
             static_cast<int>(problem.src[3]),
             static_cast<int>(problem.src[1]),
             static_cast<int>(k),
             static_cast<int>(problem.weight[2]),
             static_cast<int>(problem.weight[3]),
             p.stride,
             p.pad,
             p.dilation,
             p.groups,
             p.same};
  }

  std::string title;
  ConvolutionProblem problem;
  DeviceDType dtype;
  int radix;  // of the pooled sums; 0: none
  ConvolutionShape shape;
  Tensor src, weight, bias, residual, expected;
};

Memory packed(const Case& test, MmaFamily family) {
  Memory memory(packed_weight_bytes(test.shape, family));
  if (family == MmaFamily::kFma) {
    pack_weight(
        test.shape, family, test.weight.values.data(), [](float x) { return x; },
        reinterpret_cast<float*>(memory.data()));
  } else {
    const auto half = [](float x) {
      const auto value = static_cast<_Float16>(x);
      std::uint16_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      return bits;
    };
    pack_weight(test.shape, family, test.weight.values.data(), half,
                reinterpret_cast<std::uint16_t*>(memory.data()));
  }
  return memory;
}

struct Result {
  Memory dst;
  std::vector<float> pooled;
};

enum class Residual { kApart, kInDst };

// With `counts`, the shape's n are regions of as many images, of which so many are in use.
Result run(Device& device, const Case& test, ConvolutionChoice choice,
           Residual where = Residual::kApart, const std::vector<std::int32_t>& counts = {}) {
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  const ConvolutionParams& p = test.problem.params;
  const int k = padded_channels(test.shape.k), pixels = test.shape.p() * test.shape.q();
  std::vector<float> padded_bias = test.bias.values;
  padded_bias.resize(static_cast<std::size_t>(k), 0.0F);
  const Array<unsigned char> src(device, to_nhwc(test.src, test.dtype));
  const Array<unsigned char> weight(device, packed(test, tile.family));
  const Array<float> bias(device, padded_bias);
  const Array<unsigned char> residual(device, to_nhwc(test.residual, test.dtype));
  const Array<unsigned char> dst(
      device, where == Residual::kInDst ? to_nhwc(test.residual, test.dtype)
                                        : unwritten(padded_elements(test.problem.dst), test.dtype));
  const Array<float> workspace(device,
                               convolution_workspace_bytes(test.shape, choice) / sizeof(float) + 1);
  const int num_counters = convolution_num_counters(test.shape, choice);
  const Array<unsigned> counters(
      device, std::vector<unsigned>(static_cast<std::size_t>(num_counters) + 1, 0));
  const int slots = pooled_slots(pixels, tile.m);
  const Array<float> pooled(
      device, std::vector<float>(static_cast<std::size_t>(test.shape.n * slots * k), 0.0F));
  ConvolutionArgs args;
  args.dtype = test.dtype;
  args.shape = test.shape;
  args.choice = choice;
  args.src = src.data();
  args.weight = weight.data();
  args.bias = p.has_bias ? bias.data() : nullptr;
  args.residual = !p.has_residual             ? nullptr
                  : where == Residual::kInDst ? dst.data()
                                              : residual.data();
  args.dst = dst.data();
  args.activation = p.relu ? Activation::kRelu : p.swish ? Activation::kSwish : Activation::kNone;
  if (test.radix > 0) {
    args.pooled = pooled.data();
    args.pooled_parts = test.radix;
    args.pooled_slots = slots;
  }
  const Array<std::int32_t> in_use(device, counts);
  if (!counts.empty()) {
    args.items = {in_use.data(), test.shape.n / static_cast<int>(counts.size())};
  }
  args.workspace = workspace.data();
  args.counters = counters.data();
  check(convolution(args, device.stream()));
  Result result{dst.values(), pooled.values()};
  CHECK(counters.values() == std::vector<unsigned>(static_cast<std::size_t>(num_counters) + 1, 0));
  return result;
}

// Sums of the stored elements over the pixels, in double, beside what the slots add up to.
std::string wrong_pooled_sum(const Case& test, const Result& result, int tile_m) {
  const Tensor dst = from_nhwc(result.dst, test.problem.dst, test.dtype);
  const int pixels = test.shape.p() * test.shape.q(), width = test.shape.k / test.radix;
  const int slots = pooled_slots(pixels, tile_m);
  for (int n = 0; n < test.shape.n; ++n) {
    const int count = pooled_tiles(n, pixels, tile_m).count;
    for (int k = 0; k < test.shape.k; ++k) {
      double expected = 0, found = 0, magnitude = 0;
      for (int i = 0; i < pixels; ++i) {
        const float value =
            dst.values[static_cast<std::size_t>((n * test.shape.k + k) * pixels + i)];
        expected += value;
        magnitude += std::abs(value);
      }
      for (int slot = 0; slot < count; ++slot) {
        const int place = ((n * test.radix + k / width) * slots + slot) * width + k % width;
        found += result.pooled[static_cast<std::size_t>(place)];
      }
      if (!(std::abs(found - expected) <= 0x1p-18 * magnitude)) {
        return fmt::format("image {}, channel {}: {} instead of {}", n, k, found, expected);
      }
    }
  }
  return "";
}

enum class Schedules { kOne, kAll };

// The tile against the oracle; the same bits in all schedules.
void check_tile(const Case& test, ConvolutionChoice choice, Schedules which = Schedules::kOne) {
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  const std::vector<DeviceUnderTest> all = devices_for(tile.family);
  if (all.empty()) return;  // this GPU has no such instructions
  static std::size_t turn = 0;
  std::optional<Result> first;
  for (std::size_t i = 0; i < (which == Schedules::kAll ? all.size() : 1); ++i) {
    const DeviceUnderTest& one = all[which == Schedules::kAll ? i : turn++ % all.size()];
    const std::string title =
        fmt::format("{} on {} / {}, {}", test.title, tile.name, choice.splits, one.title);
    INFO(title);
    Result result = run(*one.open(), test, choice);
    if (first.has_value()) {
      CHECK(result.dst == first->dst);
      CHECK(result.pooled == first->pooled);
      continue;
    }
    const Tensor got = from_nhwc(result.dst, test.problem.dst, test.dtype);
    CHECK(mismatch(got.values, test.expected.values, test.problem.dst,
                   tolerance(dtype_of(test.dtype)), title) == "");
    CHECK(to_nhwc(got, test.dtype) == result.dst);  // padding is zero
    if (test.radix > 0) CHECK(wrong_pooled_sum(test, result, tile.m) == "");
    first = std::move(result);
  }
}

// With NESTOR_TEST_TILES=PREFIX only tiles whose names begin so are tested (tests/simt/mutate).
std::string_view wanted_prefix() {
  const char* const prefix = std::getenv("NESTOR_TEST_TILES");
  return prefix == nullptr ? "" : prefix;
}
bool is_wanted(int tile) {
  return std::string_view(kConvolutionTiles[tile].name).starts_with(wanted_prefix());
}

std::vector<int> tiles_for(const Case& test, int splits = 1) {
  std::vector<int> tiles;
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    if (is_wanted(i) && convolution_supports(test.shape, test.dtype, {i, splits})) {
      tiles.push_back(i);
    }
  }
  return tiles;
}

void check_all_tiles(const char* text, DeviceDType dtype, int radix = 0) {
  const Case test(text, dtype, radix);
  const std::vector<int> tiles = tiles_for(test);
  CHECK((!tiles.empty() || !wanted_prefix().empty()));
  for (const int tile : tiles) check_tile(test, {tile, 1});
}

}  // namespace

TEST_CASE("convolution tiles at their edges", "[simt][kernels][convolution]") {
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    const ConvolutionTile& tile = kConvolutionTiles[i];
    CHECK(tile_named(tile.name) == i);
    if (!is_wanted(i)) continue;
    if (tile.form() == ConvolutionForm::kHalo) continue;  // has edges of its own
    const DeviceDType dtype =
        tile.family == MmaFamily::kFma ? DeviceDType::kFloat32 : DeviceDType::kFloat16;
    for (const int rows : {1, tile.m - 1, tile.m, tile.m + 1, 131}) {
      const Case test(fmt::format("n1_c40_h1_w{}_k{}_r1_s1_bias_relu", rows, tile.n).c_str(),
                      dtype);
      check_tile(test, {i, 1});
    }
    // Rows in each step of a slab.
    for (const int columns : {1, 8, tile.n - 8, tile.n - 1, tile.n + 1, tile.n + 8, 67}) {
      const Case test(fmt::format("n1_c32_h5_w7_k{}_r1_s1_bias_residual", columns).c_str(), dtype);
      if (convolution_supports(test.shape, dtype, {i, 1})) check_tile(test, {i, 1});
    }
    for (const int channels : {1, 3, 8, 31, 32, 33, 64, 96, 103}) {
      const int k = tile.n > 128 ? tile.n : 16;
      const Case test(fmt::format("n1_c{}_h4_w3_k{}_r1_s1", channels, k).c_str(), dtype);
      check_tile(test, {i, 1});
    }
  }
}

TEST_CASE("convolutions of all kinds", "[simt][kernels][convolution]") {
  constexpr const char* kProblems[] = {
      "n2_c64_h5_w7_k64_r3_s3_bias_relu",
      "n2_c64_h5_w7_k64_r3_s3_bias_swish",
      "n1_c24_h6_w5_k144_r1_s1_bias_swish",
      "n3_c64_h6_w5_k64_r3_s3_g2_bias_relu",
      "n1_c128_h4_w5_k128_r3_s3_g4",
      "n1_c256_h3_w3_k128_r3_s3_g2_residual",
      "n2_c64_h7_w8_k32_r3_s3_st2_bias",
      "n1_c32_h7_w7_k64_r3_s3_st2_p0",
      "n1_c32_h9_w9_k64_r3_s3_d2_bias_relu",
      "n1_c64_h11_w9_k64_r3_s3_d4_g2_bias_relu",
      "n3_c64_h5_w5_k64_r1_s1_st2_bias",
      "n2_c8_h9_w9_k32_r3_s3_st2_bias_relu",
      "n1_c24_h6_w6_k40_r5_s5",
      "n1_c16_h5_w6_k24_r1_s3_p0_bias_residual_relu",
      "n2_c3_h8_w8_k20_r3_s3_bias_relu",
      "n2_c32_h7_w8_k32_r3_s3_st2_same_bias",
      "n2_c32_h8_w7_k32_r3_s3_st2_same_bias_swish",
      "n1_c32_h6_w7_k32_r3_s3_same_bias",
      "n1_c16_h6_w6_k24_r5_s5_st2_same",
      "n1_c16_h7_w6_k24_r1_s1_st2_same",
  };
  for (const char* text : kProblems) check_all_tiles(text, DeviceDType::kFloat16);
  for (const char* text : kProblems) check_all_tiles(text, DeviceDType::kFloat32);
}

TEST_CASE("convolutions that tensor cores do not take", "[simt][kernels][convolution]") {
  constexpr const char* kProblems[] = {
      "n2_c20_h5_w5_k20_r3_s3_g2_bias_relu",
      "n1_c12_h6_w5_k36_r3_s3_g4_bias_residual",
      "n1_c30_h4_w4_k140_r1_s1_g2_bias",
      "n1_c10_h4_w4_k30_r3_s3_g10",
  };
  for (const char* text : kProblems) {
    check_all_tiles(text, DeviceDType::kFloat16);
    check_all_tiles(text, DeviceDType::kFloat32);
  }
}

TEST_CASE("a group of a convolution does not see the next one's channels",
          "[simt][kernels][convolution]") {
  // Of 1, 2 and 3 channels, which a thread loads as parts of four; of a whole chunk, with a pixel for
  // each of the chunks that a thread brings of a patch.
  for (const char* text : {"n1_c2_h4_w3_k4_r3_s3_g2", "n1_c4_h4_w3_k4_r3_s3_g2",
                           "n1_c6_h4_w3_k4_r3_s3_g2", "n1_c16_h6_w50_k16_r3_s3_g2"}) {
    for (const DeviceDType dtype : kDTypes) {
      const Case test(text, dtype);
      Case with_nan = test;
      const auto half = static_cast<std::ptrdiff_t>(test.src.values.size() / 2);
      std::fill(with_nan.src.values.begin() + half, with_nan.src.values.end(), NAN);
      for (const int tile : tiles_for(test)) {
        const std::vector<DeviceUnderTest> devices = devices_for(kConvolutionTiles[tile].family);
        if (devices.empty()) continue;  // this GPU has no such instructions
        const auto first_group = [&](const Case& one) {
          const Memory dst = run(*devices.front().open(), one, {tile, 1}).dst;
          std::vector<float> values = from_nhwc(dst, test.problem.dst, dtype).values;
          values.resize(values.size() / 2);
          return values;
        };
        INFO(text << " on " << kConvolutionTiles[tile].name);
        CHECK(first_group(with_nan) == first_group(test));
      }
    }
  }
}

TEST_CASE("groups end anywhere in a chunk of channels", "[simt][kernels][convolution]") {
  for (int rest = 1; rest <= 8; ++rest) {  // tensor cores take whole chunks
    const std::string text =
        fmt::format("n1_c16_h4_w3_k{}_r1_s1_g2_bias_residual_relu", 2 * (8 + rest));
    for (const DeviceDType dtype : kDTypes) check_all_tiles(text.c_str(), dtype);
  }
}

// Where a slice has more channels than the tensor, products are of zeros, and not of what lies
// elsewhere.
TEST_CASE("a pixel that is not a number stays in its windows", "[simt][kernels][convolution]") {
  for (const char* text : {"n1_c8_h6_w6_k8_r3_s3", "n1_c40_h6_w6_k8_r3_s3"}) {
    for (const DeviceDType dtype : kDTypes) {
      const Case test(text, dtype);
      Case with_nan = test;  // in all channels of the first pixel
      for (std::size_t i = 0; i < with_nan.src.values.size(); i += 36) {
        with_nan.src.values[i] = NAN;
      }
      for (const int tile : tiles_for(test)) {
        const std::vector<DeviceUnderTest> devices = devices_for(kConvolutionTiles[tile].family);
        if (devices.empty()) continue;                   // this GPU has no such instructions
        const auto other_lines = [&](const Case& one) {  // which the pixel is no part of
          const Memory dst = run(*devices.front().open(), one, {tile, 1}).dst;
          const std::vector<float> values = from_nhwc(dst, test.problem.dst, dtype).values;
          std::vector<float> kept;
          for (std::size_t i = 0; i < values.size(); ++i) {
            if (i / 6 % 6 > 1) kept.push_back(values[i]);
          }
          return kept;
        };
        INFO(text << " on " << kConvolutionTiles[tile].name);
        CHECK(other_lines(with_nan) == other_lines(test));
      }
    }
  }
}

// Stage by stage, with few pixels.
TEST_CASE("convolutions of ResNeSt-50", "[simt][kernels][convolution]") {
  struct Layer {
    const char* text;
    int radix;
  };
  constexpr Layer kLayers[] = {
      {"n1_c32_h9_w9_k32_r3_s3_bias_relu", 0},
      {"n1_c32_h9_w9_k64_r3_s3_bias_relu", 0},
      {"n1_c64_h9_w8_k64_r1_s1_bias_relu", 0},
      {"n1_c256_h9_w8_k64_r1_s1_bias_relu", 0},
      {"n2_c64_h8_w9_k128_r3_s3_g2_bias_relu", 2},
      {"n1_c64_h9_w8_k256_r1_s1_bias", 0},
      {"n1_c64_h8_w9_k256_r1_s1_bias_residual_relu", 0},
      {"n1_c256_h5_w5_k128_r1_s1_bias_relu", 0},
      {"n2_c128_h7_w5_k256_r3_s3_g2_bias_relu", 2},
      {"n1_c256_h5_w5_k512_r1_s1_bias", 0},
      {"n1_c128_h5_w5_k512_r1_s1_bias_residual_relu", 0},
      {"n1_c512_h5_w5_k256_r1_s1_bias_relu", 0},
      {"n2_c256_h4_w4_k512_r3_s3_g2_bias_relu", 2},
      {"n1_c512_h4_w4_k1024_r1_s1_bias", 0},
      {"n1_c256_h4_w4_k1024_r1_s1_bias_residual_relu", 0},
      {"n1_c1024_h4_w4_k512_r1_s1_bias_relu", 0},
      {"n1_c512_h3_w3_k1024_r3_s3_g2_bias_relu", 2},
      {"n1_c1024_h2_w3_k2048_r1_s1_bias", 0},
      {"n1_c512_h2_w3_k2048_r1_s1_bias_residual_relu", 0},
  };
  // All tiles on each layer take minutes in the slow builds: there a ninth of them.
  const int stride = simt::kRaceBuild || simt::kAddressBuild ? 9 : 1;
  int turn = 0;
  for (const Layer& layer : kLayers) {
    const Case test(layer.text, DeviceDType::kFloat16, layer.radix);
    for (const int tile : tiles_for(test)) {
      if (++turn % stride == 0) check_tile(test, {tile, 1});
    }
    const Case strict(layer.text, DeviceDType::kFloat32, layer.radix);
    for (const int tile : tiles_for(strict)) {
      if (++turn % stride == 0) check_tile(strict, {tile, 1});
    }
  }
}

TEST_CASE("a convolution split in K adds its parts in order", "[simt][kernels][convolution]") {
  const Case test("n3_c128_h5_w7_k128_r3_s3_g2_bias_residual_relu", DeviceDType::kFloat16, 2);
  const Case strict("n3_c128_h5_w7_k128_r3_s3_g2_bias_residual_relu", DeviceDType::kFloat32, 2);
  for (const int splits : {2, 3, 8}) {
    for (const int tile : tiles_for(test, splits))
      check_tile(test, {tile, splits}, Schedules::kAll);
    for (const int tile : tiles_for(strict, splits)) {
      check_tile(strict, {tile, splits}, Schedules::kAll);
    }
  }
}

TEST_CASE("convolutions give the same bits in all schedules", "[simt][kernels][convolution]") {
  const Case test("n2_c64_h9_w9_k128_r3_s3_g2_bias_residual_relu", DeviceDType::kFloat16, 2);
  for (const int tile : tiles_for(test)) check_tile(test, {tile, 1}, Schedules::kAll);
  const Case strict("n2_c64_h9_w9_k128_r3_s3_g2_bias_residual_relu", DeviceDType::kFloat32, 2);
  for (const int tile : tiles_for(strict)) check_tile(strict, {tile, 1}, Schedules::kAll);
}

TEST_CASE("pooled sums are cut where images end", "[simt][kernels][convolution]") {
  constexpr const char* kProblems[] = {
      "n3_c32_h1_w1_k64_r1_s1_relu",        "n5_c32_h7_w7_k128_r1_s1_bias_relu",
      "n2_c32_h8_w8_k128_r1_s1_bias_relu",  "n3_c32_h8_w16_k64_r1_s1_bias",
      "n2_c32_h11_w13_k64_r1_s1_bias_relu", "n4_c64_h16_w20_k64_r1_s1_bias_relu",
  };
  for (const char* text : kProblems) {
    for (const int radix : {1, 2, 4}) check_all_tiles(text, DeviceDType::kFloat16, radix);
    check_all_tiles(text, DeviceDType::kFloat32, 2);
  }
}

namespace {

// What dst holds if tiles without a region in use are left alone.
Memory expected_of_counts(const Case& test, int tile_m, const Memory& all,
                          const std::vector<std::int32_t>& counts) {
  const int pixels = test.shape.p() * test.shape.q();
  const int per_image = test.shape.n / static_cast<int>(counts.size());
  const int num_rows = test.shape.n * pixels;
  const std::size_t row_bytes = all.size() / static_cast<std::size_t>(num_rows);
  Memory expected = unwritten(padded_elements(test.problem.dst), test.dtype);
  for (int first = 0; first < num_rows; first += tile_m) {
    const int end = std::min(first + tile_m, num_rows);
    bool any = false;
    for (int row = first; row < end; ++row) {
      const int item = row / pixels;
      any = any || item % per_image < counts[static_cast<std::size_t>(item / per_image)];
    }
    if (!any) continue;
    std::copy(all.begin() + static_cast<std::ptrdiff_t>(row_bytes) * first,
              all.begin() + static_cast<std::ptrdiff_t>(row_bytes) * end,
              expected.begin() + static_cast<std::ptrdiff_t>(row_bytes) * first);
  }
  return expected;
}

}  // namespace

TEST_CASE("a convolution of regions leaves tiles alone that have none in use",
          "[simt][kernels][convolution][counted]") {
  constexpr int kPixels = 15, kItems = 24;
  for (const DeviceDType dtype : kDTypes) {
    for (const int splits : {1, 2}) {
      const Case test("n48_c32_h3_w5_k40_r3_s3_bias_relu", dtype);
      for (const int tile : tiles_for(test, splits)) {
        const ConvolutionTile& row = kConvolutionTiles[tile];
        const std::vector<DeviceUnderTest> devices = devices_for(row.family);
        if (devices.empty()) continue;  // this GPU has no such instructions
        const auto device = devices.front().open();
        const Memory all = run(*device, test, {tile, splits}).dst;
        // Regions that end before the first tile does and behind it; in the second image too.
        const int before = row.m / kPixels, behind = before + 1;
        for (const std::vector<std::int32_t>& counts :
             {std::vector{before, behind}, {behind, before}, {0, 1}, {-1, 0}, {kItems, kItems}}) {
          INFO(row.name << " / " << splits << ": " << counts[0] << ", " << counts[1]);
          CHECK((run(*device, test, {tile, splits}, Residual::kApart, counts).dst ==
                 expected_of_counts(test, row.m, all, counts)));
        }
      }
    }
  }
}

TEST_CASE("the residual of a convolution may be its dst", "[simt][kernels][convolution]") {
  for (const DeviceDType dtype : {DeviceDType::kFloat16, DeviceDType::kFloat32}) {
    const Case test("n2_c128_h9_w11_k136_r1_s1_bias_residual_relu", dtype);
    for (const int splits : {1, 2}) {
      for (const int tile : tiles_for(test, splits)) {
        const MmaFamily family = kConvolutionTiles[tile].family;
        for (const DeviceUnderTest& one : devices_for(family)) {
          INFO(kConvolutionTiles[tile].name << " / " << splits << ", " << one.title);
          const ConvolutionChoice choice{tile, splits};
          const auto device = one.open();
          CHECK(run(*device, test, choice, Residual::kInDst).dst == run(*device, test, choice).dst);
        }
      }
    }
  }
}

TEST_CASE("convolutions have no bank conflicts", "[simt][kernels][convolution][counters]") {
  const Case test("n1_c64_h12_w12_k128_r3_s3_g2_bias_residual_relu", DeviceDType::kFloat16, 2);
  for (const int splits : {1, 2}) {
    for (const int tile : tiles_for(test, splits)) {
      if (kConvolutionTiles[tile].family == MmaFamily::kFma) continue;
      const simt::KernelCounters counters = count(
          [&](Device& device) {
            run(device, test, {tile, splits});
          },
          kConvolutionTiles[tile].name, sm_of(kConvolutionTiles[tile].family));
      INFO(kConvolutionTiles[tile].name << " / " << splits);
      CHECK(counters.shared_ideal > 0);
      if (!simt::kRaceBuild) CHECK(counters.shared_wavefronts == counters.shared_ideal);
    }
  }
}

TEST_CASE("convolutions of fp32 have no bank conflicts", "[simt][kernels][convolution][counters]") {
  const Case test("n1_c64_h12_w12_k128_r3_s3_g2_bias_residual_relu", DeviceDType::kFloat32, 2);
  for (const int tile : tiles_for(test)) {
    const simt::KernelCounters counters = count(
        [&](Device& device) {
          run(device, test, {tile, 1});
        },
        kConvolutionTiles[tile].name);
    CHECK(counters.shared_ideal > 0);
    if (!simt::kRaceBuild) CHECK(counters.shared_wavefronts == counters.shared_ideal);
  }
}

// What stands for pixels outside of src is a zero, not just something small.
TEST_CASE("convolutions of zeros are zero", "[simt][kernels][convolution]") {
  for (const DeviceDType dtype : kDTypes) {
    Case test("n1_c40_h6_w5_k256_r3_s3", dtype);
    std::fill(test.src.values.begin(), test.src.values.end(), 0.0F);
    std::fill(test.expected.values.begin(), test.expected.values.end(), 0.0F);
    for (const int tile : tiles_for(test)) check_tile(test, {tile, 1});
  }
}

TEST_CASE("only the tile of 256 channels asks for packed rows in multiples of its own",
          "[simt][kernels][convolution]") {
  for (const int k : {1, 64, 120, 136, 250, 384, 1000}) {
    for (int i = 0; i < kNumConvolutionTiles; ++i) {
      const ConvolutionShape shape{.n = 1, .h = 4, .w = 4, .c = 64, .k = k};
      if (kConvolutionTiles[i].form() == ConvolutionForm::kHalo) continue;
      const bool fma = kConvolutionTiles[i].family == MmaFamily::kFma;
      INFO(kConvolutionTiles[i].name << ", " << k);
      CHECK(convolution_supports(shape, fma ? DeviceDType::kFloat32 : DeviceDType::kFloat16,
                                 {i, 1}) ==
            (kConvolutionTiles[i].n <= 128 || (k + 127) / 128 % 2 == 0));
    }
  }
}

TEST_CASE("convolution refuses what it cannot do", "[simt][kernels][convolution]") {
  const ConvolutionShape shape{.n = 1, .h = 4, .w = 4, .c = 64, .k = 64};
  const int volta = tile_named("convolution_sm70_128x128"),
            fma = tile_named("convolution_fma_64x64");
  const auto supports = [&](ConvolutionShape changed, int tile, int splits = 1) {
    return convolution_supports(changed, DeviceDType::kFloat16, {tile, splits});
  };
  CHECK(supports(shape, volta));
  CHECK(!supports(shape, -1));
  CHECK(!supports(shape, kNumConvolutionTiles));
  CHECK(!supports(shape, volta, 3));  // of two slices
  CHECK(!convolution_supports(shape, DeviceDType::kFloat32, {volta, 1}));
  CHECK(convolution_supports(shape, DeviceDType::kFloat32, {fma, 1}));
  ConvolutionShape changed = shape;
  changed.groups = 16;
  CHECK(!supports(changed, volta));  // groups of 4 channels
  CHECK(supports(changed, fma));
  changed = shape;
  changed.r = changed.s = 7;
  CHECK(!supports(changed, fma));  // 49 taps
  changed = shape;
  changed.n = 1 << 22;
  CHECK(!supports(changed, volta));  // 2^32 elements
  changed = shape;
  changed.r = 5;
  CHECK(!supports(changed, volta));  // more than the src has
  CHECK(family_runs_on(MmaFamily::kVolta, 70));
  CHECK(!family_runs_on(MmaFamily::kVolta, 75));
  CHECK(family_runs_on(MmaFamily::kAmpere, 90));
  on_a_device([&](Device& device) {
    ConvolutionArgs args;
    args.shape = shape;
    args.choice = {volta, 5};
    CHECK(convolution(args, device.stream()).code == DeviceCode::kInvalidArgument);
    args.choice = {volta, 2};  // without a workspace
    CHECK(convolution(args, device.stream()).code == DeviceCode::kInvalidArgument);
    args.choice = {volta, 1};
    const std::int32_t count = 1;
    args.items = {&count, 2};  // of one
    CHECK(convolution(args, device.stream()).code == DeviceCode::kInvalidArgument);
    float sums = 0;
    args.items = {&count, 1};
    args.pooled = &sums;
    args.pooled_slots = 1;
    CHECK(convolution(args, device.stream()).code == DeviceCode::kInvalidArgument);
  });
}

// --- the halo form ------------------------------------------------------------------------------

namespace {

constexpr bool is_halo(int tile) {
  return kConvolutionTiles[tile].form() == ConvolutionForm::kHalo;
}

// A plain tile that adds in the same order: as many warps share a slice.
int plain_tile(const ConvolutionTile& halo) {
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    const ConvolutionTile& tile = kConvolutionTiles[i];
    if (tile.family == halo.family && tile.warps_k == halo.warps_k && !is_halo(i)) return i;
  }
  throw std::invalid_argument(fmt::format("no plain tile like {}", halo.name));
}

Result bits_of(const Case& test, ConvolutionChoice choice) {
  return run(*devices_for(kConvolutionTiles[choice.tile].family).front().open(), test, choice);
}

// All halo tiles that take the problem, against the oracle, and bit by bit against a plain tile
// with K cut at the same places.
void check_halo_tiles(const char* text, int radix = 0, int splits = 1,
                      Schedules which = Schedules::kOne) {
  const Case test(text, DeviceDType::kFloat16, radix);
  std::map<int, Memory> plain;
  int count = 0;
  for (const int tile : tiles_for(test, splits)) {
    if (!is_halo(tile)) continue;
    ++count;
    check_tile(test, {tile, splits}, which);
    if (devices_for(kConvolutionTiles[tile].family).empty()) continue;
    const int other = plain_tile(kConvolutionTiles[tile]);
    if (!plain.contains(other)) plain[other] = bits_of(test, {other, splits}).dst;
    INFO(text << " on " << kConvolutionTiles[tile].name << " / " << splits);
    CHECK((bits_of(test, {tile, splits}).dst == plain[other]));
  }
  CHECK((count > 0 || !wanted_prefix().empty()));
}

}  // namespace

TEST_CASE("halo tiles at their edges", "[simt][kernels][convolution][halo]") {
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    if (!is_halo(i) || !is_wanted(i)) continue;
    const ConvolutionTile& tile = kConvolutionTiles[i];
    const auto check = [&](const std::string& text) {
      const Case test(text.c_str(), DeviceDType::kFloat16);
      REQUIRE(convolution_supports(test.shape, test.dtype, {i, 1}));
      check_tile(test, {i, 1});
    };
    for (const int rows : {1, tile.m - 1, tile.m, tile.m + 1, 131}) {
      check(fmt::format("n1_c40_h{}_w1_k{}_r3_s3_bias_relu", rows, tile.n));  // one line of taps
      check(fmt::format("n{}_c8_h1_w1_k16_r3_s3_bias_relu", rows));           // one tap
    }
    // Rows in each step of a slab.
    for (const int columns : {1, 8, tile.n - 8, tile.n - 1, tile.n + 1, tile.n + 8, 67}) {
      check(fmt::format("n1_c32_h3_w3_k{}_r3_s3_bias_residual", columns));
    }
    for (const int channels : {1, 3, 8, 31, 32, 33, 64, 96, 103}) {
      check(fmt::format("n1_c{}_h4_w3_k16_r3_s3", channels));
    }
    // The widest image whose patch fits, and one more.
    const int widest = (tile.patch - tile.m) / 2 - 1;
    check(fmt::format("n1_c32_h3_w{}_k16_r3_s3", widest));
    const ConvolutionShape wider{
        .n = 1, .h = 3, .w = widest + 1, .c = 32, .k = 16, .r = 3, .s = 3, .pad = 1};
    CHECK(!convolution_supports(wider, DeviceDType::kFloat16, {i, 1}));
  }
}

TEST_CASE("halo tiles on images of all sides", "[simt][kernels][convolution][halo]") {
  struct Problem {
    const char* text;
    int radix = 0, splits = 1;
  };
  constexpr Problem kProblems[] = {
      {"n6_c64_h7_w7_k64_r3_s3_g2_bias_relu", 2},  // up to four images in a tile of 128
      {"n3_c64_h10_w10_k64_r3_s3_g2_bias_relu", 2},
      {"n2_c64_h13_w13_k64_r3_s3_g2_bias_relu", 2},
      {"n2_c128_h14_w14_k128_r3_s3_g2_bias_relu", 2},
      {"n1_c64_h20_w20_k64_r3_s3_g2_bias_relu", 2},
      {"n1_c64_h26_w26_k64_r3_s3_g2_bias_relu", 2},
      {"n1_c64_h28_w28_k64_r3_s3_g2_bias_relu", 2},
      {"n1_c16_h52_w52_k16_r3_s3_bias_relu", 1},
      {"n1_c16_h56_w56_k16_r3_s3_bias_relu", 1},
      {"n2_c32_h5_w17_k64_r3_s3_bias_residual_relu"},
      {"n2_c32_h17_w5_k64_r3_s3_residual"},
      {"n1_c128_h5_w6_k128_r3_s3_g4_bias"},
      {"n2_c80_h6_w5_k48_r3_s3_g2_bias_relu", 2},
      {"n2_c64_h9_w9_k32_r3_s3_d2_bias_relu"},
      {"n2_c64_h11_w9_k64_r3_s3_d4_g2_bias_relu", 2},
      {"n1_c32_h3_w3_k32_r3_s3_d4_bias"},  // only the middle tap falls on a pixel
      {"n3_c128_h5_w7_k128_r3_s3_g2_bias_residual_relu", 2, 2},
      {"n3_c128_h5_w7_k128_r3_s3_g2_bias_residual_relu", 2, 5},
      {"n3_c128_h5_w7_k128_r3_s3_g2_bias_residual_relu", 2, 18},  // a tap each
  };
  for (const Problem& problem : kProblems) {
    check_halo_tiles(problem.text, problem.radix, problem.splits);
  }
}

TEST_CASE("halo tiles give the same bits in all schedules", "[simt][kernels][convolution][halo]") {
  constexpr const char* kText = "n3_c192_h7_w7_k128_r3_s3_g2_bias_residual_relu";
  for (const int splits : {1, 4}) {
    check_halo_tiles(kText, /*radix=*/2, splits, Schedules::kAll);
  }
}

TEST_CASE("halo tiles have no bank conflicts on any side",
          "[simt][kernels][convolution][halo][counters]") {
  if (simt::kRaceBuild) return;  // counts scalar accesses too
  for (const char* text : {"n3_c64_h7_w7_k64_r3_s3", "n2_c64_h13_w13_k64_r3_s3",
                           "n2_c64_h14_w14_k64_r3_s3", "n1_c32_h20_w22_k64_r3_s3_d2"}) {
    const Case test(text, DeviceDType::kFloat16);
    for (const int tile : tiles_for(test)) {
      if (!is_halo(tile)) continue;
      const simt::KernelCounters counters = count(
          [&](Device& device) {
            run(device, test, {tile, 1});
          },
          kConvolutionTiles[tile].name, sm_of(kConvolutionTiles[tile].family));
      INFO(text << " on " << kConvolutionTiles[tile].name);
      CHECK(counters.shared_ideal > 0);
      CHECK(counters.shared_wavefronts == counters.shared_ideal);
    }
  }
}

TEST_CASE("halo tiles refuse what has no patch", "[simt][kernels][convolution][halo]") {
  const ConvolutionShape shape{.n = 1, .h = 9, .w = 9, .c = 64, .k = 64, .r = 3, .s = 3, .pad = 1};
  const int tile = tile_named("convolution_sm70_128x64_halo");
  const auto supports = [&](auto change) {
    ConvolutionShape changed = shape;
    change(changed);
    return convolution_supports(changed, DeviceDType::kFloat16, {tile, 1});
  };
  CHECK(supports([](ConvolutionShape&) {}));
  CHECK(!supports([](ConvolutionShape& s) { s.stride = 2; }));
  CHECK(!supports([](ConvolutionShape& s) { s.pad = 0; }));
  CHECK(!supports([](ConvolutionShape& s) { s.pad = 2; }));
  CHECK(supports([](ConvolutionShape& s) { s.pad = s.dilation = 2; }));
  CHECK(!supports([](ConvolutionShape& s) { s.r = s.s = 5; }));
  CHECK(!supports([](ConvolutionShape& s) { s.s = 1; }));
  CHECK(!supports([](ConvolutionShape& s) { s.w = 57; }));
}

// build/simt/bin/nestor_kernel_tests "[.speed]"
TEST_CASE("speed of emulated convolutions", "[.speed][counters]") {
  const Case test("n1_c128_h28_w28_k256_r3_s3_g2_bias_relu", DeviceDType::kFloat16, 2);
  for (int tile = 0; tile < kNumConvolutionTiles; ++tile) {
    if (!convolution_supports(test.shape, DeviceDType::kFloat16, {tile, 1})) continue;
    const MmaFamily family = kConvolutionTiles[tile].family;
    const auto device = devices_for(family).front().open();
    const std::clock_t begin = std::clock();
    run(*device, test, {tile, 1});
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    const double macs = 28.0 * 28 * 256 * 64 * 9;
    std::printf("%-28s %6.2f s %6.2f GMAC/s\n", kConvolutionTiles[tile].name, seconds,
                1e-9 * macs / seconds);
  }
}

}  // namespace nestor::test
