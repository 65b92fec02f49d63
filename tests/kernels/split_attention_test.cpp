// pooled_sums and split_attention against the op's oracle.
#include "kernels/split_attention/split_attention.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "engine/ops/convolution/convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/split_attention/split_attention.h"
#include "kernels/split_attention/split_attention_tuning.h"
#include "tests/kernels/kernel_test.h"
#include "tests/support/random.h"

namespace nestor::test {
namespace {

struct Sizes {
  int n, h, w, width, radix, cardinality, hidden;  // hidden of all cardinal groups
};

struct Way {
  int pool_stride = 0;
  int channels_per_block = 64, pixels_per_block = 1 << 30;
  int tile_rows = 0;  // 0: sums by pooled_sums
  int pixels_per_slot = 7;
};

struct Problem : Sizes, Way {
  std::string text(DeviceDType dtype) const {
    return fmt::format(
        "n{}_h{}_w{}_width{}_radix{}_cardinality{}_hidden{}_avd{} blocks {}x{} tiles {} slots {} "
        "{}",
        n, h, w, width, radix, cardinality, hidden, pool_stride, channels_per_block,
        pixels_per_block, tile_rows, pixels_per_slot, to_string(dtype_of(dtype)));
  }
};

struct Data {
  Tensor src, fc1_weight, fc1_bias, fc2_weight, fc2_bias, dst, gates;
};

// What the attention is, by the oracles of the ops that the whole stands for.
Tensor expected_gates(const Problem& p, const Data& d) {
  const auto fc = [&](const Tensor& x, const Tensor& weight, const Tensor& bias, bool relu) {
    const ConvolutionParams params{.groups = p.cardinality, .has_bias = true, .relu = relu};
    return oracle(convolution_op(), params, {x, weight, bias});
  };
  const Tensor sum = oracle(radix_sum_op(), RadixSumParams{p.radix}, {d.src});
  const Tensor mean = oracle(global_average_pool_op(), {}, {sum});
  const Tensor logits =
      fc(fc(mean, d.fc1_weight, d.fc1_bias, true), d.fc2_weight, d.fc2_bias, false);
  return oracle(r_softmax_op(), RSoftmaxParams{p.radix, p.cardinality}, {logits});
}

Data make_data(const Problem& p, DeviceDType dtype, float bias = 1) {
  const std::int64_t inner = p.width / p.cardinality, channels = p.radix * p.width;
  // Means, hidden channels and logits of a natural size, some negative.
  const float scale = 3.0F / static_cast<float>(inner);
  const float scale2 = 4.0F * static_cast<float>(p.cardinality) / static_cast<float>(p.hidden);
  Data d{.src = random_tensor({p.n, channels, p.h, p.w}, 1, dtype, -1, 3),
         .fc1_weight = random_tensor({p.hidden, inner, 1, 1}, 2, dtype, -scale, 2 * scale),
         .fc1_bias = random_tensor({p.hidden}, 3, DeviceDType::kFloat32),
         .fc2_weight =
             random_tensor({channels, p.hidden / p.cardinality, 1, 1}, 4, dtype, -scale2, scale2),
         .fc2_bias = random_tensor({channels}, 5, DeviceDType::kFloat32, -bias, bias),
         .dst = {},
         .gates = {}};
  SplitAttentionParams params{.radix = p.radix, .cardinality = p.cardinality};
  if (p.pool_stride > 0) {
    params.has_pool = true;
    params.pool = {.kind = PoolingParams::Kind::kAverage,
                   .kernel = 3,
                   .stride = p.pool_stride,
                   .pad = 1,
                   .count_include_pad = true};
  }
  d.dst = oracle(split_attention_op(), params,
                 {d.src, d.fc1_weight, d.fc1_bias, d.fc2_weight, d.fc2_bias});
  d.gates = expected_gates(p, d);
  return d;
}

// Cardinal groups of `from` rows, padded to `to` rows of zeros.
std::vector<float> pad_rows(const std::vector<float>& values, int from, int to, int row) {
  std::vector<float> result;
  for (std::size_t begin = 0; begin < values.size();
       begin += static_cast<std::size_t>(from * row)) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin);
    result.insert(result.end(), first, first + from * row);
    result.insert(result.end(), static_cast<std::size_t>((to - from) * row), 0.0F);
  }
  return result;
}

// As a convolution's tiles of `tile_rows` rows over the whole batch would leave them; slots that an
// image does not reach are NaN.
std::vector<float> tile_sums(const Problem& p, const Tensor& src) {
  const int pixels = p.h * p.w, slots = pooled_slots(pixels, p.tile_rows);
  std::vector<float> sums(static_cast<std::size_t>(p.n * p.radix * slots * p.width), NAN);
  for (int i = 0; i < p.n; ++i) {
    const PooledTiles tiles = pooled_tiles(i, pixels, p.tile_rows);
    for (int r = 0; r < p.radix; ++r) {
      for (int t = 0; t < tiles.count; ++t) {
        const std::int64_t begin = (tiles.first + t) * p.tile_rows - std::int64_t{i} * pixels;
        for (int c = 0; c < p.width; ++c) {
          float sum = 0;
          for (std::int64_t pixel = std::max<std::int64_t>(begin, 0);
               pixel < std::min<std::int64_t>(begin + p.tile_rows, pixels); ++pixel) {
            sum += src.values[static_cast<std::size_t>(
                (std::int64_t{i} * p.radix * p.width + r * p.width + c) * pixels + pixel)];
          }
          sums[static_cast<std::size_t>(((i * p.radix + r) * slots + t) * p.width + c)] = sum;
        }
      }
    }
  }
  return sums;
}

struct Result {
  Tensor dst;
  std::vector<float> gates;
};

Result run(Device& device, const Problem& p, DeviceDType dtype, const Data& d,
           bool wants_gates = true) {
  const int hidden = p.hidden / p.cardinality, hidden8 = static_cast<int>(padded(hidden));
  const int inner = p.width / p.cardinality, pixels = p.h * p.w;
  const Array<unsigned char> src(device, to_nhwc(d.src, dtype));
  const Array<unsigned char> fc1(
      device, stored(pad_rows(d.fc1_weight.values, hidden, hidden8, inner), dtype));
  const Array<float> fc1_bias(device, pad_rows(d.fc1_bias.values, hidden, hidden8, 1));
  const Array<unsigned char> fc2(device,
                                 stored(pad_rows(d.fc2_weight.values, hidden, hidden8, 1), dtype));
  const Array<float> fc2_bias(device, d.fc2_bias.values);
  const Array<unsigned char> dst(device, unwritten(padded_elements(d.dst.shape), dtype));
  const Array<float> gates(
      device, std::vector<float>(static_cast<std::size_t>(p.n * p.radix * p.width), NAN));
  const int slots =
      p.tile_rows > 0 ? pooled_slots(pixels, p.tile_rows) : (pixels - 1) / p.pixels_per_slot + 1;
  const int parts = p.tile_rows > 0 ? p.radix : 1;
  const Array<float> sums(
      device, p.tile_rows > 0
                  ? tile_sums(p, d.src)
                  : std::vector<float>(static_cast<std::size_t>(p.n * slots * p.width), NAN));
  if (p.tile_rows == 0) {
    check(pooled_sums(
        {dtype, src.data(), sums.data(), p.n, pixels, p.width, p.radix, p.pixels_per_slot},
        device.stream()));
  }
  check(split_attention({.dtype = dtype,
                         .src = src.data(),
                         .sums = sums.data(),
                         .fc1_weight = fc1.data(),
                         .fc1_bias = fc1_bias.data(),
                         .fc2_weight = fc2.data(),
                         .fc2_bias = fc2_bias.data(),
                         .dst = dst.data(),
                         .gates = wants_gates ? gates.data() : nullptr,
                         .n = p.n,
                         .h = p.h,
                         .w = p.w,
                         .width = p.width,
                         .radix = p.radix,
                         .cardinality = p.cardinality,
                         .hidden = hidden8,
                         .num_parts = parts,
                         .slots_per_part = slots,
                         .tile_rows = p.tile_rows,
                         .pool_stride = p.pool_stride,
                         .channels_per_block = p.channels_per_block,
                         .pixels_per_block = p.pixels_per_block},
                        device.stream()));
  return {from_nhwc(dst.values(), d.dst.shape, dtype), gates.values()};
}

void test(const Sizes& sizes, const Way& way = {}, float bias = 1) {
  const Problem p{sizes, way};
  for (const DeviceDType dtype : kDTypes) {
    const Data data = make_data(p, dtype, bias);
    for_each_schedule([&](Device& device) {
      const Result result = run(device, p, dtype, data);
      CHECK(mismatch(result.dst.values, data.dst.values, data.dst.shape, tolerance(dtype_of(dtype)),
                     p.text(dtype)) == "");
      CHECK(mismatch(result.gates, data.gates.values, data.gates.shape, tolerance(DType::kFloat32),
                     p.text(dtype)) == "");
    });
  }
}

}  // namespace

TEST_CASE("split_attention of every network's layers", "[simt][split_attention]") {
  // ResNeSt-50's four stages, with and without AVD.
  test({1, 7, 9, 64, 2, 1, 32}, {.pixels_per_block = 20});
  test({2, 5, 4, 128, 2, 1, 64}, {.channels_per_block = 128});
  test({1, 4, 4, 256, 2, 1, 128});
  test({1, 3, 3, 512, 2, 1, 256}, {.channels_per_block = 64});
  test({1, 6, 5, 128, 2, 1, 64}, {.pool_stride = 2, .channels_per_block = 128});
  test({1, 5, 5, 256, 2, 1, 128}, {.pool_stride = 2});
  test({1, 4, 3, 512, 2, 1, 256}, {.pool_stride = 2});
  // 1s1x64d, 4s1x64d, 1s2x40d, 2s2x40d, 4s2x40d, 1s4x24d.
  test({1, 5, 3, 64, 1, 1, 32});
  test({1, 3, 3, 512, 4, 1, 512}, {.channels_per_block = 256});
  test({1, 5, 3, 80, 1, 2, 32}, {.channels_per_block = 80});
  test({1, 3, 5, 160, 2, 2, 80});
  test({2, 3, 3, 80, 4, 2, 80}, {.channels_per_block = 80});
  test({1, 2, 3, 640, 4, 2, 640}, {.channels_per_block = 160});
  test({1, 3, 3, 96, 1, 4, 32}, {.channels_per_block = 96});
  test({1, 3, 3, 192, 1, 4, 48});
  test({1, 2, 2, 768, 1, 4, 192}, {.channels_per_block = 256});
}

TEST_CASE("split_attention of odd shapes", "[simt][split_attention]") {
  test({1, 1, 1, 8, 2, 1, 8});
  test({1, 1, 1, 8, 3, 1, 4}, {.channels_per_block = 8});
  test({3, 1, 13, 24, 3, 3, 12}, {.channels_per_block = 16, .pixels_per_block = 5});
  test({1, 13, 1, 72, 2, 1, 40}, {.pool_stride = 1});
  test({1, 1, 1, 16, 2, 1, 8}, {.pool_stride = 1});
  test({2, 7, 6, 16, 2, 2, 16}, {.pool_stride = 1, .pixels_per_block = 11});
  test({2, 7, 7, 16, 1, 1, 16}, {.pool_stride = 2, .pixels_per_block = 3});
  test({1, 11, 12, 8, 4, 1, 8}, {.pool_stride = 3});
  test({1, 2, 2, 1024, 1, 1, 1024}, {.channels_per_block = 1024});
  test({1, 3, 3, 8, 2, 1, 1});  // one hidden value
  // A block's pixels at one round of its threads less 1, one round, and more.
  for (const int pixels : {31, 32, 33}) {
    test({1, pixels, 1, 64, 2, 1, 32});
    test({1, 67, 1, 64, 2, 1, 32}, {.pixels_per_block = pixels});
  }
}

TEST_CASE("split_attention of logits that exp() cannot hold", "[simt][split_attention]") {
  for (int radix = 1; radix <= 4; ++radix) test({1, 3, 3, 16, radix, 1, 8}, {}, /*bias=*/200);
}

TEST_CASE("split_attention adds the slots that a convolution's tiles leave",
          "[simt][split_attention]") {
  for (const int tile_rows : {1, 11, 12, 13, 24, 25, 64}) {
    test({3, 3, 4, 16, 2, 1, 8}, {.tile_rows = tile_rows});
  }
  test({2, 7, 7, 64, 2, 1, 32}, {.tile_rows = 32});
  // More slots than the groups of threads that are added one by one.
  for (int radix = 1; radix <= 4; ++radix) test({1, 13, 13, 24, radix, 1, 8}, {.tile_rows = 8});
  test({2, 5, 5, 24, 3, 3, 24}, {.channels_per_block = 24, .tile_rows = 16});
  for (int tile_rows = 1; tile_rows < 40; ++tile_rows) {
    for (int pixels = 1; pixels < 40; ++pixels) {
      int most = 0;
      for (int image = 0; image < 40; ++image) {
        most = std::max(most, pooled_tiles(image, pixels, tile_rows).count);
      }
      CHECK(most == pooled_slots(pixels, tile_rows));
    }
  }
}

TEST_CASE("pooled_sums are the sums of slices", "[simt][split_attention]") {
  for (const DeviceDType dtype : kDTypes) {
    for (const int width : {8, 80, 248, 256, 264, 512}) {
      for (const int radix : {1, 2, 3}) {
        const int pixels = 23, per_slot = 6, slots = 4, n = 2;
        const Tensor src = random_tensor({n, radix * width, pixels, 1}, 9, dtype, 0, 4);
        const Tensor sum = oracle(radix_sum_op(), RadixSumParams{radix}, {src});
        std::vector<float> expected;
        for (int i = 0; i < n; ++i) {
          for (int slot = 0; slot < slots; ++slot) {
            for (int c = 0; c < width; ++c) {
              double total = 0;
              for (int pixel = slot * per_slot; pixel < std::min(pixels, (slot + 1) * per_slot);
                   ++pixel) {
                total += sum.values[static_cast<std::size_t>((i * width + c) * pixels + pixel)];
              }
              expected.push_back(static_cast<float>(total));
            }
          }
        }
        for_each_schedule([&](Device& device) {
          const Array<unsigned char> memory(device, to_nhwc(src, dtype));
          const Array<float> sums(device, std::vector<float>(expected.size(), NAN));
          check(pooled_sums({dtype, memory.data(), sums.data(), n, pixels, width, radix, per_slot},
                            device.stream()));
          CHECK(mismatch(sums.values(), expected, {n, slots, width}, tolerance(DType::kFloat32),
                         fmt::format("width {} radix {}", width, radix)) == "");
        });
      }
    }
  }
}

TEST_CASE("an image's attention depends neither on the batch nor on the cut",
          "[simt][split_attention]") {
  const DeviceDType dtype = DeviceDType::kFloat16;
  const Problem whole{{3, 6, 7, 128, 2, 1, 64}, {.pool_stride = 2, .channels_per_block = 128}};
  const Data data = make_data(whole, dtype);
  on_a_device([&](Device& device) {
    const Result all = run(device, whole, dtype, data);
    for (const auto& [channels, pixels] : {std::pair{128, 1}, {8, 1000}, {48, 5}}) {
      Problem cut = whole;
      cut.channels_per_block = channels;
      cut.pixels_per_block = pixels;
      const Result result = run(device, cut, dtype, data);
      CHECK(difference(result.dst.values, all.dst.values, data.dst.shape, cut.text(dtype)) == "");
    }
    for (int i = 0; i < 3; ++i) {
      Problem single = whole;
      single.n = 1;
      Data one = data;
      one.src = data.src.image(i);
      one.dst = data.dst.image(i);
      const Result result = run(device, single, dtype, one);
      CHECK(difference(result.dst.values, all.dst.image(i).values, one.dst.shape, "alone") == "");
    }
  });
}

TEST_CASE("split_attention gives attention only where it is asked for", "[simt][split_attention]") {
  const DeviceDType dtype = DeviceDType::kFloat16;
  const Problem p{{1, 3, 3, 64, 2, 1, 32}, {}};
  const Data data = make_data(p, dtype);
  for_each_schedule([&](Device& device) {
    const Result with = run(device, p, dtype, data);
    const Result without = run(device, p, dtype, data, /*wants_gates=*/false);
    CHECK(difference(without.dst.values, with.dst.values, data.dst.shape, "without") == "");
    for (const float gate : without.gates) CHECK(std::isnan(gate));
  });
}

TEST_CASE("split_attention refuses what it cannot do", "[simt][split_attention]") {
  const SplitAttentionArgs good{
      .n = 1, .h = 3, .w = 3, .width = 64, .hidden = 32, .slots_per_part = 3, .tile_rows = 4};
  const auto refused = [&](auto change) {
    SplitAttentionArgs args = good;
    change(args);
    return split_attention(args, nullptr).code == DeviceCode::kInvalidArgument;
  };
  CHECK(refused([](auto& a) { a.radix = 5; }));
  CHECK(refused([](auto& a) { a.width = 68; }));
  CHECK(refused([](auto& a) { a.cardinality = 3; }));
  CHECK(refused([](auto& a) { a.hidden = 12; }));
  CHECK(refused([](auto& a) { a.width = 2048; }));
  CHECK(refused([](auto& a) { a.slots_per_part = 2; }));
  CHECK(refused([](auto& a) { a.channels_per_block = 1024; }));
  CHECK(refused([](auto& a) { a.n = 0; }));
}

TEST_CASE("split_attention has no bank conflicts", "[simt][split_attention][counters]") {
  for (const int width : {64, 128, 256, 512}) {
    const Problem p{{1, 4, 8, width, 2, 1, width / 2},
                    {.channels_per_block = width > 128 ? 64 : width}};
    const Data data = make_data(p, DeviceDType::kFloat16);
    const auto run_it = [&](Device& device) { run(device, p, DeviceDType::kFloat16, data); };
    for (const char* kernel : {"split_attention", "pooled_sums"}) {
      const simt::KernelCounters counters = count(run_it, kernel);
      INFO(kernel << " width " << width);
      CHECK(counters.shared_requests > 0);
      CHECK(counters.shared_wavefronts == counters.shared_ideal);
    }
  }
}

TEST_CASE("blocks of split_attention fit its limits", "[split_attention]") {
  for (const int width : {8, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 640, 768}) {
    for (int radix = 1; radix <= 4; ++radix) {
      for (const int n : {1, 16, 1000}) {
        const SplitAttentionBlocks blocks = split_attention_blocks(n, 49, width, radix, 80);
        CHECK(blocks.channels_per_block % 8 == 0);
        CHECK(blocks.channels_per_block * radix <= kMaxSplitAttentionGates);
        CHECK(blocks.pixels_per_block >= 1);
        CHECK(blocks.pixels_per_block <= 49);
      }
    }
  }
}

}  // namespace nestor::test
