// Shuffles, votes, barriers, and pairs of halves.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "tests/simt/kernels/conformance.h"
#include "tests/simt/support/device.h"

namespace nestor::test {
namespace {

_Float16 half_of(std::uint32_t bits) {
  const auto low = static_cast<std::uint16_t>(bits);
  _Float16 value;
  std::memcpy(&value, &low, sizeof value);
  return value;
}

bool same_half(std::uint32_t bits, _Float16 wanted) {
  const _Float16 found = half_of(bits);
  return std::memcmp(&found, &wanted, sizeof found) == 0 || (found != found && wanted != wanted);
}

}  // namespace

TEST_CASE("shuffles stay in their warp, and lanes at the edge keep theirs",
          "[simt][device][warp]") {
  for_each_device(70, [](Device& device) {
    std::vector<std::int32_t> values(64), sources(64);
    for (int i = 0; i < 64; ++i) {
      values[i] = i * 31 % 64 - 20;
      sources[i] = i * 11 % 32;
    }
    const Array<std::int32_t> device_values(device, values), device_sources(device, sources);
    const Array<std::int32_t> results(device, 64 * 7);
    const Array<float> sums(device, 64 * 2);
    check(run_shuffle({device_values.data(), device_sources.data(), results.data(), sums.data()},
                      device.stream()));
    const std::vector<std::int32_t> found = results.values();
    const std::vector<float> found_sums = sums.values();
    for (int thread = 0; thread < 64; ++thread) {
      const int lane = thread % 32, warp = thread - lane;
      const auto of = [&](int other) {
        return values[warp + (other < 0 || other > 31 ? lane : other)];
      };
      const std::vector<std::int32_t> wanted = {of(sources[thread]), of(lane ^ 1), of(lane ^ 16),
                                                of(lane - 1),        of(lane - 5), of(lane + 1),
                                                of(lane + 5)};
      CHECK(std::equal(wanted.begin(), wanted.end(), found.begin() + 7 * thread));
      float sum = 0;
      for (int i = 0; i < 32; ++i) sum += static_cast<float>(values[warp + i]);
      CHECK(found_sums[2 * thread] == sum);
      CHECK(found_sums[2 * thread + 1] == static_cast<float>(*std::max_element(
                                              values.begin() + warp, values.begin() + warp + 32)));
    }
  });
}

TEST_CASE("votes see all lanes", "[simt][device][warp]") {
  for_each_device(70, [](Device& device) {
    for (const std::uint32_t pattern : {0u, ~0u, 1u, 0x80000000u, 0xdeadbeefu}) {
      std::vector<std::int32_t> predicates(64);
      for (int i = 0; i < 32; ++i) {
        predicates[i] = static_cast<std::int32_t>(pattern >> i & 1);
        predicates[32 + i] = static_cast<std::int32_t>(~pattern >> i & 1);
      }
      const Array<std::int32_t> device_predicates(device, predicates);
      const Array<std::uint32_t> results(device, 64 * 3);
      check(run_vote({device_predicates.data(), results.data()}, device.stream()));
      const std::vector<std::uint32_t> found = results.values();
      int num_wrong = 0;
      for (int thread = 0; thread < 64; ++thread) {
        const std::uint32_t ballot = thread < 32 ? pattern : ~pattern;
        num_wrong += found[3 * thread] != ballot;
        num_wrong += found[3 * thread + 1] != (ballot != 0 ? 1u : 0u);
        num_wrong += found[3 * thread + 2] != (ballot == ~0u ? 1u : 0u);
      }
      CHECK(num_wrong == 0);
    }
  });
}

TEST_CASE("named barriers hand values from warps to warps", "[simt][device][barrier]") {
  for_each_device(70, [](Device& device) {
    std::vector<float> values(128);
    for (int i = 0; i < 128; ++i) values[i] = static_cast<float>(i * 3);
    const Array<float> device_values(device, values), results(device, 128);
    check(run_named_barrier({device_values.data(), results.data()}, device.stream()));
    CHECK(results.values() == values);
  });
}

TEST_CASE("block_sum adds warps in the order of their index", "[simt][device][barrier]") {
  for_each_device(70, [](Device& device) {
    std::vector<float> values(128);
    for (int i = 0; i < 128; ++i) values[i] = std::ldexp(1.0f, i % 32 == 0 ? 20 * (i / 32) : -30);
    // Each warp: its large value swallows the small ones but in the first, and the order shows.
    const Array<float> device_values(device, values), sums(device, 128);
    check(run_block_sum({device_values.data(), sums.data()}, device.stream()));
    float wanted = 0;
    for (int warp = 0; warp < 4; ++warp) {
      std::vector<float> lanes(values.begin() + 32 * warp, values.begin() + 32 * warp + 32);
      for (int distance = 16; distance > 0; distance /= 2) {
        for (int i = 0; i < distance; ++i) lanes[i] += lanes[i + distance];
      }
      wanted = warp == 0 ? lanes[0] : wanted + lanes[0];
    }
    CHECK(sums.values() == std::vector<float>(128, wanted));
  });
}

// All pairs of a set that has zeros, subnormals, ties, the largest value, infinities and NaN.
TEST_CASE("pairs of halves are rounded once", "[simt][device][half]") {
  for_each_device(70, [](Device& device) {
    std::vector<std::uint32_t> values = {0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x3c00,
                                         0xbc00, 0x3c01, 0x3bff, 0x7bff, 0xfbff, 0x7c00, 0xfc00,
                                         0x7e00, 0x6400, 0x6401, 0x1234, 0xa5a5, 0x5555};
    std::vector<std::uint32_t> a, b, c;
    for (std::size_t i = 0; i < values.size(); ++i) {
      for (std::size_t j = 0; j < values.size(); ++j) {
        a.push_back(values[i] | values[j] << 16);
        b.push_back(values[j] | values[(i + j) % values.size()] << 16);
        c.push_back(values[(i * 7 + j * 3) % values.size()] | values[i] << 16);
      }
    }
    const Array<std::uint32_t> device_a(device, a), device_b(device, b), device_c(device, c);
    const Array<std::uint32_t> results(device, 4 * a.size());
    check(run_half({device_a.data(), device_b.data(), device_c.data(), results.data(),
                    static_cast<int>(a.size())},
                   device.stream()));
    const std::vector<std::uint32_t> found = results.values();
    int num_wrong = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      for (int shift : {0, 16}) {
        // Exact in double, but for what is too far apart to matter; one conversion rounds.
        const double x = half_of(a[i] >> shift), y = half_of(b[i] >> shift),
                     z = half_of(c[i] >> shift);
        num_wrong += !same_half(found[4 * i] >> shift, static_cast<_Float16>(x + y));
        num_wrong += !same_half(found[4 * i + 1] >> shift, static_cast<_Float16>(x * y));
        num_wrong += !same_half(found[4 * i + 2] >> shift, static_cast<_Float16>(x * y + z));
        num_wrong += !same_half(found[4 * i + 3] >> shift, half_of(a[i] >> shift));
      }
    }
    CHECK(num_wrong == 0);
  });
}

}  // namespace nestor::test
