// Fused convolutions on the emulator, every tile and source against the oracle.
#include "kernels/convolution/fused_convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <optional>

#include "emulator/build.h"
#include "engine/ops/fused_convolution/fused_convolution.h"
#include "kernels/convolution/packed_weight.h"
#include "tests/kernels/family_devices.h"
#include "tests/support/random.h"

namespace nestor::test {
namespace {

constexpr bool kSlowBuild = simt::kRaceBuild || simt::kAddressBuild;

// Of dst [n, k, p, q]; what is read follows from that, from the kinds and from `odd`.
struct Problem {
  SourceKind source = SourceKind::kPlain, shortcut = SourceKind::kNone;
  int n = 1, p = 1, q = 1, c = 32, k = 64, d = 32;  // d: channels of the shortcut
  int stride = 1;                                   // of plain shortcuts and of the AVD pool
  bool odd = false;  // windows reach over the last line and column of what they pool
  bool residual = false, relu = true;
};

std::string_view name_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::kNone: return "none";
    case SourceKind::kPlain: return "plain";
    case SourceKind::kPool: return "pool";
    case SourceKind::kAttention: return "attention";
    case SourceKind::kAttentionPool: return "attention+avd";
  }
  return "";
}

std::string to_string(const Problem& x) {
  return fmt::format("{} c{} + {} c{} -> n{} p{} q{} k{} stride {}{}{}{}", name_of(x.source), x.c,
                     name_of(x.shortcut), x.d, x.n, x.p, x.q, x.k, x.stride, x.odd ? " odd" : "",
                     x.residual ? " residual" : "", x.relu ? " relu" : "");
}

FusedSource params_of(SourceKind kind, int stride) {
  FusedSource source;
  if (kind == SourceKind::kPlain) source.stride = stride;
  if (kind == SourceKind::kAttention || kind == SourceKind::kAttentionPool) source.radix = 2;
  if (kind == SourceKind::kPool) {
    source.has_pool = true;
    source.pool = {
        .kind = PoolingParams::Kind::kAverage, .kernel = 2, .stride = 2, .ceil_mode = true};
  }
  if (kind == SourceKind::kAttentionPool) {
    source.has_pool = true;
    source.pool = {.kind = PoolingParams::Kind::kAverage,
                   .kernel = 3,
                   .stride = stride,
                   .pad = 1,
                   .count_include_pad = true};
  }
  return source;
}

ConvolutionSource source_of(SourceKind kind, const Problem& x, int c, int stride) {
  ConvolutionSource source{.c = c};
  const int out_stride = kind == SourceKind::kPool ? 2 : stride;
  // The last pixel read is the last there is where odd, else a window's last.
  const int more = kind == SourceKind::kPool && !x.odd ? 1 : 0;
  source.h = (x.p - 1) * out_stride + 1 + more;
  source.w = (x.q - 1) * out_stride + 1 + more;
  source.stride = out_stride;
  source.window = kind == SourceKind::kPool ? 2 : kind == SourceKind::kAttentionPool ? 3 : 1;
  source.pad = kind == SourceKind::kAttentionPool ? 1 : 0;
  source.gated = kind == SourceKind::kAttention || kind == SourceKind::kAttentionPool;
  return source;
}

DeviceDType dtype_for(int tile) {
  return kConvolutionTiles[tile].family == MmaFamily::kFma ? DeviceDType::kFloat32
                                                           : DeviceDType::kFloat16;
}

double as_half(double x) { return static_cast<double>(static_cast<_Float16>(x)); }

// What tensor cores multiply for the source: its parts times their gates, added in their order and
// rounded to half at each step, as sources.cuh says.
Tensor loaded_in_halves(const ConvolutionSource& source, const Tensor& src, const Tensor& gates,
                        int p, int q) {
  const auto n = static_cast<int>(src.shape[0]);
  const int radix = source.gated ? 2 : 1, pixels = source.h * source.w;
  Tensor a{{n, source.c, p, q}, {}};
  for (int i = 0; i < n * source.c * p * q; ++i) {
    const int image = i / (source.c * p * q), c = i / (p * q) % source.c;
    const int top = i / q % p * source.stride - source.pad;
    const int left = i % q * source.stride - source.pad;
    const int bottom = std::min(top + source.window, source.h);
    const int right = std::min(left + source.window, source.w);
    double sum = 0;
    for (int y = std::max(top, 0); y < bottom; ++y) {
      for (int x = std::max(left, 0); x < right; ++x) {
        for (int r = 0; r < radix; ++r) {
          const int channel = (image * radix + r) * source.c + c;
          const double value =
              src.values[static_cast<std::size_t>(channel * pixels + y * source.w + x)];
          const double gate = source.gated
                                  ? as_half(gates.values[static_cast<std::size_t>(channel)] /
                                            static_cast<float>(source.window * source.window))
                                  : 1.0 / ((bottom - top) * (right - left));
          sum = as_half(gate * value + sum);
        }
      }
    }
    a.values.push_back(static_cast<float>(sum));
  }
  return a;
}

// A problem with its data and what the oracle says.
struct Case {
  Case(const Problem& x, DeviceDType dtype_) : title(to_string(x)), problem(x), dtype(dtype_) {
    const std::uint64_t seed = seed_of(title);
    const int source_stride = x.source == SourceKind::kAttentionPool ? x.stride : 1;
    shape = {.n = x.n,
             .p = x.p,
             .q = x.q,
             .k = x.k,
             .source = source_of(x.source, x, x.c, source_stride),
             .shortcut = {}};
    params.source = params_of(x.source, source_stride);
    params.relu = x.relu;
    const int radix = shape.source.gated ? 2 : 1;
    src = random_tensor({x.n, radix * x.c, shape.source.h, shape.source.w}, seed, dtype);
    weight = random_tensor({x.k, x.c, 1, 1}, seed + 1, dtype);
    bias = random_tensor({x.k}, seed + 2, DeviceDType::kFloat32);
    dst_shape = {x.n, x.k, x.p, x.q};
    std::vector<Tensor> inputs{src, weight, bias};
    if (shape.source.gated) {
      gates = random_tensor({x.n, 2 * x.c, 1, 1}, seed + 3, DeviceDType::kFloat32, 0, 1);
      inputs.push_back(gates);
    }
    if (x.shortcut != SourceKind::kNone) {
      params.has_shortcut = true;
      params.shortcut = params_of(x.shortcut, x.stride);
      shape.shortcut = source_of(x.shortcut, x, x.d, x.stride);
      shortcut = random_tensor({x.n, x.d, shape.shortcut.h, shape.shortcut.w}, seed + 4, dtype);
      shortcut_weight = random_tensor({x.k, x.d, 1, 1}, seed + 5, dtype);
      inputs.push_back(shortcut);
      inputs.push_back(shortcut_weight);
    }
    if (x.residual) {
      params.has_residual = true;
      residual = random_tensor(dst_shape, seed + 6, dtype, -4, 4);
      inputs.push_back(residual);
    }
    expected = oracle(fused_convolution_op(), params, inputs);
    REQUIRE(expected.shape == dst_shape);
    if (dtype == DeviceDType::kFloat16) round_what_is_loaded(inputs);
  }

  // Lets the oracle see a and b as tensor cores do.
  void round_what_is_loaded(std::vector<Tensor> inputs) {
    FusedConvolutionParams plain = params;
    plain.source = {};
    plain.shortcut = {};
    inputs[0] = loaded_in_halves(shape.source, src, gates, shape.p, shape.q);
    const FusedConvolutionInputs at = fused_convolution_inputs(params);
    if (params.has_shortcut) {
      inputs[at.shortcut] = loaded_in_halves(shape.shortcut, shortcut, gates, shape.p, shape.q);
    }
    if (shape.source.gated) inputs.erase(inputs.begin() + static_cast<std::ptrdiff_t>(at.gates));
    expected = oracle(fused_convolution_op(), plain, inputs);
    REQUIRE(expected.shape == dst_shape);
  }

  std::string title;
  Problem problem;
  DeviceDType dtype;
  FusedConvolutionParams params;
  FusedConvolutionShape shape;
  Shape dst_shape;
  Tensor src, weight, bias, gates, shortcut, shortcut_weight, residual, expected;
};

Memory packed(const ConvolutionShape& shape, const Tensor& weight, MmaFamily family) {
  Memory memory(packed_weight_bytes(shape, family));
  if (family == MmaFamily::kFma) {
    pack_weight(
        shape, family, weight.values.data(), [](float x) { return x; },
        reinterpret_cast<float*>(memory.data()));
  } else {
    const auto half = [](float x) {
      const auto value = static_cast<_Float16>(x);
      std::uint16_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      return bits;
    };
    pack_weight(shape, family, weight.values.data(), half,
                reinterpret_cast<std::uint16_t*>(memory.data()));
  }
  return memory;
}

enum class Residual { kApart, kInDst };

Memory run(Device& device, const Case& test, ConvolutionChoice choice,
           Residual where = Residual::kApart) {
  const MmaFamily family = kConvolutionTiles[choice.tile].family;
  const bool has_shortcut = test.params.has_shortcut;
  const ConvolutionShape gemm = test.shape.gemm(test.shape.source);
  const auto nhwc = [&](const Tensor& tensor) {
    return tensor.values.empty() ? Memory(16) : to_nhwc(tensor, test.dtype);
  };
  std::vector<float> gate_values = test.gates.values;
  if (gate_values.empty()) gate_values.resize(4);
  const Array<unsigned char> src(device, nhwc(test.src));
  const Array<unsigned char> weight(device, packed(gemm, test.weight, family));
  const Array<unsigned char> shortcut(device, nhwc(test.shortcut));
  const Array<unsigned char> shortcut_weight(
      device, has_shortcut
                  ? packed(test.shape.gemm(test.shape.shortcut), test.shortcut_weight, family)
                  : Memory(16));
  const Array<float> gates(device, gate_values);
  const Array<float> bias(device, test.bias.values);
  const Array<unsigned char> residual(device, nhwc(test.residual));
  const Array<unsigned char> dst(
      device, where == Residual::kInDst ? nhwc(test.residual)
                                        : unwritten(padded_elements(test.dst_shape), test.dtype));
  const Array<float> workspace(device,
                               convolution_workspace_bytes(gemm, choice) / sizeof(float) + 1);
  const auto num_counters = static_cast<std::size_t>(convolution_num_counters(gemm, choice)) + 1;
  const Array<unsigned> counters(device, std::vector<unsigned>(num_counters, 0));
  FusedConvolutionArgs args;
  args.dtype = test.dtype;
  args.shape = test.shape;
  args.choice = choice;
  args.src = src.data();
  args.weight = weight.data();
  args.shortcut = has_shortcut ? shortcut.data() : nullptr;
  args.shortcut_weight = has_shortcut ? shortcut_weight.data() : nullptr;
  args.gates = test.shape.source.gated ? gates.data() : nullptr;
  args.bias = bias.data();
  args.residual = !test.params.has_residual   ? nullptr
                  : where == Residual::kInDst ? dst.data()
                                              : residual.data();
  args.dst = dst.data();
  args.activation = test.params.relu ? Activation::kRelu : Activation::kNone;
  args.workspace = workspace.data();
  args.counters = counters.data();
  check(fused_convolution(args, device.stream()));
  Memory result = dst.values();
  CHECK(counters.values() == std::vector<unsigned>(num_counters, 0));
  return result;
}

enum class Schedules { kOne, kAll };

void check_tile(const Case& test, ConvolutionChoice choice, Schedules which = Schedules::kOne) {
  const std::vector<DeviceUnderTest> all = devices_for(kConvolutionTiles[choice.tile].family);
  if (all.empty()) return;  // this GPU has no such instructions
  static std::size_t turn = 0;
  std::optional<Memory> first;
  for (std::size_t i = 0; i < (which == Schedules::kAll ? all.size() : 1); ++i) {
    const DeviceUnderTest& one = all[which == Schedules::kAll ? i : turn++ % all.size()];
    const std::string title =
        fmt::format("{} on {} / {}, {}", test.title, kConvolutionTiles[choice.tile].name,
                    choice.splits, one.title);
    INFO(title);
    Memory result = run(*one.open(), test, choice);
    if (first.has_value()) {
      CHECK(result == *first);
      continue;
    }
    const Tensor got = from_nhwc(result, test.dst_shape, test.dtype);
    CHECK(mismatch(got.values, test.expected.values, test.dst_shape,
                   tolerance(dtype_of(test.dtype)), title) == "");
    first = std::move(result);
  }
}

bool supported(const Case& test, ConvolutionChoice choice) {
  return fused_convolution_supports(test.shape, test.dtype, choice);
}

void check_row(const FusedConvolutionTile& row, Problem x, int splits = 1,
               Schedules which = Schedules::kOne) {
  x.source = row.source;
  x.shortcut = row.shortcut;
  if (x.shortcut != SourceKind::kNone) x.residual = false;
  const Case test(x, dtype_for(row.tile));
  INFO(row.name << ", " << test.title);
  REQUIRE(supported(test, {row.tile, splits}));
  check_tile(test, {row.tile, splits}, which);
}

}  // namespace

TEST_CASE("fused convolutions at their tiles' edges", "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    REQUIRE(row.tile >= 0);
    const ConvolutionTile& tile = kConvolutionTiles[row.tile];
    for (const int rows : {1, tile.m - 1, tile.m, tile.m + 1, 131}) {
      check_row(row, {.q = rows, .c = 40, .k = tile.n, .d = 24, .residual = true});
    }
    for (const int columns : {8, tile.n - 8, tile.n, tile.n + 8}) {
      if (tile.n > 128 && (columns + 127) / 128 % 2 != 0) continue;  // packed rows
      check_row(row, {.p = 3, .q = 3, .k = columns, .relu = false});
    }
    for (const int channels : {8, 24, 32, 40, 96, 104}) {
      check_row(row, {.p = 4, .q = 3, .c = channels, .k = tile.n, .d = 8});
      check_row(row, {.p = 4, .q = 3, .c = 16, .k = tile.n, .d = channels, .stride = 2});
    }
  }
}

TEST_CASE("pools of fused convolutions reach over odd sides",
          "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    for (const auto& [p, q] : {std::pair{1, 1}, {1, 5}, {4, 1}, {7, 7}, {5, 8}}) {
      for (const bool odd : {false, true}) {
        if (kSlowBuild && !odd) continue;
        for (const int stride : {1, 2}) {
          check_row(row, {.n = 2,
                          .p = p,
                          .q = q,
                          .k = kConvolutionTiles[row.tile].n,
                          .stride = stride,
                          .odd = odd});
        }
      }
    }
  }
}

TEST_CASE("tiles of fused convolutions hold rows of several images",
          "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    const int k = kConvolutionTiles[row.tile].n;
    check_row(row, {.n = 9, .p = 3, .q = 5, .c = 64, .k = k});
    check_row(row, {.n = 3, .p = 7, .q = 7, .c = 128, .k = k});
    check_row(row, {.n = 17, .p = 1, .q = 2, .c = 40, .k = k});
    check_row(row, {.n = 3, .p = 8, .q = 16, .c = 32, .k = k});
  }
}

TEST_CASE("fused convolutions of ResNeSt-50", "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    const int stages = kSlowBuild ? 1 : 4;
    for (int stage = 0; stage < stages; ++stage) {
      const int c = 64 << stage, d = stage == 0 ? 64 : 128 << stage;
      check_row(
          row,
          {.p = 5, .q = 4, .c = c, .k = 4 * c, .d = d, .stride = stage == 0 ? 1 : 2, .odd = true});
    }
  }
}

TEST_CASE("a fused convolution split in K adds its parts in order",
          "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    // Parts that end within, at and behind the first source. All take minutes in the slow builds.
    for (const int splits : {2, 3, 4}) {
      if (kSlowBuild && splits != 4) continue;
      check_row(row,
                {.n = 3,
                 .p = 5,
                 .q = 7,
                 .c = 128,
                 .k = kConvolutionTiles[row.tile].n,
                 .d = 64,
                 .residual = true},
                splits, Schedules::kAll);
    }
  }
}

TEST_CASE("fused convolutions give the same bits in all schedules",
          "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    check_row(row, {.n = 2, .p = 9, .q = 9, .c = 96, .k = kConvolutionTiles[row.tile].n, .d = 64},
              1, Schedules::kAll);
  }
}

// With the identity for a weight, what was loaded comes out.
TEST_CASE("what fused convolutions load is the sum apart within its tolerance",
          "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    if (row.source == SourceKind::kPlain || row.shortcut != SourceKind::kNone) continue;
    const int c = kConvolutionTiles[row.tile].n;
    Case test(
        {.source = row.source, .n = 2, .p = 6, .q = 5, .c = c, .k = c, .odd = true, .relu = false},
        dtype_for(row.tile));
    if (!supported(test, {row.tile, 1})) continue;
    for (int i = 0; i < c; ++i) {
      for (int j = 0; j < c; ++j) {
        test.weight.values[static_cast<std::size_t>(i * c + j)] = i == j ? 1.0F : 0.0F;
      }
    }
    std::ranges::fill(test.bias.values, 0.0F);
    // Like what ReLU leaves: then no partial sum is larger than the result.
    for (float& x : test.src.values) x = std::abs(x);
    std::vector<Tensor> inputs{test.src, test.weight, test.bias};
    if (test.shape.source.gated) inputs.push_back(test.gates);
    const Tensor expected = oracle(fused_convolution_op(), test.params, inputs);
    const auto devices = devices_for(kConvolutionTiles[row.tile].family);
    if (devices.empty()) continue;
    const auto device = devices.front().open();
    const Tensor got = from_nhwc(run(*device, test, {row.tile, 1}), test.dst_shape, test.dtype);
    const double unit = test.dtype == DeviceDType::kFloat16 ? 0x1p-10 : 0x1p-23;
    const double units = row.source == SourceKind::kAttentionPool ? 10 : 2;
    double worst = 0;
    for (std::size_t i = 0; i < got.values.size(); ++i) {
      const double error = std::abs(double{got.values[i]} - expected.values[i]);
      // Subnormal halves have no relative precision.
      worst = std::max(worst, error / std::max(double{std::abs(expected.values[i])}, 0x1p-14));
    }
    INFO(row.name << ": " << worst / unit << " units in the last place");
    CHECK(worst <= units * unit);
  }
}

TEST_CASE("the residual of a fused convolution may be its dst",
          "[simt][kernels][fused_convolution]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    if (row.shortcut != SourceKind::kNone) continue;
    const Case test({.source = row.source,
                     .n = 2,
                     .p = 7,
                     .q = 5,
                     .c = 64,
                     .k = kConvolutionTiles[row.tile].n,
                     .residual = true},
                    dtype_for(row.tile));
    const auto devices = devices_for(kConvolutionTiles[row.tile].family);
    if (devices.empty()) continue;
    const auto device = devices.front().open();
    for (const int splits : {1, 2}) {
      INFO(row.name << " / " << splits);
      CHECK(run(*device, test, {row.tile, splits}, Residual::kInDst) ==
            run(*device, test, {row.tile, splits}));
    }
  }
}

TEST_CASE("fused convolutions have no bank conflicts",
          "[simt][kernels][fused_convolution][counters]") {
  for (const FusedConvolutionTile& row : kFusedConvolutionTiles) {
    if (kConvolutionTiles[row.tile].family == MmaFamily::kFma) continue;
    const Case test({.source = row.source,
                     .shortcut = row.shortcut,
                     .n = 3,
                     .p = 7,
                     .q = 9,
                     .c = 96,
                     .k = kConvolutionTiles[row.tile].n,
                     .d = 64},
                    DeviceDType::kFloat16);
    const simt::KernelCounters counters = count(
        [&](Device& device) {
          run(device, test, {row.tile, 1});
        },
        row.name, sm_of(kConvolutionTiles[row.tile].family));
    INFO(row.name);
    CHECK(counters.shared_ideal > 0);
    if (!simt::kRaceBuild) CHECK(counters.shared_wavefronts == counters.shared_ideal);
  }
}

TEST_CASE("fused convolution refuses what it cannot do", "[simt][kernels][fused_convolution]") {
  const auto tile = [](std::string_view name) { return tile_index(name); };
  const Case conv3({.source = SourceKind::kAttention, .n = 4, .p = 7, .q = 7, .c = 512, .k = 256},
                   DeviceDType::kFloat16);
  CHECK(supported(conv3, {tile("sm70_64x128"), 1}));
  CHECK(!supported(conv3, {tile("sm70_128x256"), 1}));  // gates of four images of 512 channels
  CHECK(!supported(conv3, {tile("sm70_128x128"), 1}));  // not compiled for attention
  CHECK(!supported(conv3, {tile("fma_64x64"), 1}));     // of halves
  CHECK(!supported(conv3, {tile("sm70_64x128"), 17}));  // of 16 slices
  CHECK(!supported(conv3, {-1, 1}));
  const auto refused = [&](auto change) {
    FusedConvolutionShape shape = conv3.shape;
    change(shape);
    return !fused_convolution_supports(shape, DeviceDType::kFloat16, {tile("sm70_64x128"), 1});
  };
  CHECK(refused([](auto& shape) { shape.source.c = 500; }));
  CHECK(refused([](auto& shape) { shape.k = 250; }));
  CHECK(refused([](auto& shape) { shape.source.stride = 2; }));
  CHECK(refused([](auto& shape) { shape.p = 8; }));              // more lines than src has
  CHECK(refused([](auto& shape) { shape.source.window = 2; }));  // of gated parts
  CHECK(refused(
      [](auto& shape) { shape.shortcut = {.h = 14, .w = 14, .c = 64, .stride = 2, .window = 3}; }));
  on_a_device([&](Device& device) {
    FusedConvolutionArgs args;
    args.shape = conv3.shape;
    args.choice = {tile("sm70_64x128"), 1};  // no gates
    CHECK(fused_convolution(args, device.stream()).code == DeviceCode::kInvalidArgument);
    args.choice = {tile("sm70_128x128"), 1};
    CHECK(fused_convolution(args, device.stream()).code == DeviceCode::kInvalidArgument);
  });
}

}  // namespace nestor::test
