// The vector kernels of each instruction set that this machine has, against plain loops.

#include "engine/backends/cpu/vector/plane_kernels.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <memory>

#include "tests/support/bfloat16.h"
#include "tests/support/compare.h"
#include "tests/support/random.h"

namespace nestor::cpu {

namespace {

struct Target {
  const char* name;
  Isa isa;
};

// What this process may use: ONEDNN_MAX_CPU_ISA shortens the list.
std::vector<Target> targets() {
  std::vector<Target> result{{"sse2", Isa::kSse2}};
  if (isa() >= Isa::kAvx2) result.push_back({"avx2", Isa::kAvx2});
  if (isa() >= Isa::kAvx512) result.push_back({"avx512", Isa::kAvx512});
  return result;
}

// Values in memory as the kernels find them, and as float32.
struct Plane {
  Plane(std::size_t count, DType storage, std::uint64_t seed)
      : values(test::random_values(count, seed)), halves(count) {
    for (std::size_t i = 0; i < count; ++i) halves[i] = test::to_bfloat16(values[i]);
    if (storage == DType::kBFloat16) {
      for (float& value : values) value = test::round_to_bfloat16(value);
      data = halves.data();
    } else {
      data = values.data();
    }
  }
  Plane(const Plane&) = delete;

  std::vector<float> values;
  std::vector<std::uint16_t> halves;
  const void* data = nullptr;
};

// Room for a result with a guard behind it.
struct Result {
  Result(std::size_t size, DType type) : count(size), storage(type), bytes(size * 4 + 64, 0xA5) {}

  void* data() { return bytes.data(); }
  std::vector<float> values() const {
    std::vector<float> result(count);
    for (std::size_t i = 0; i < count; ++i) {
      result[i] = storage == DType::kBFloat16
                      ? test::from_bfloat16(reinterpret_cast<const std::uint16_t*>(&bytes[0])[i])
                      : reinterpret_cast<const float*>(&bytes[0])[i];
    }
    return result;
  }
  bool guard_is_whole() const {
    for (std::size_t i = count * size_bytes(storage); i < bytes.size(); ++i) {
      if (bytes[i] != 0xA5) return false;
    }
    return true;
  }

  std::size_t count;
  DType storage;
  std::vector<unsigned char> bytes;
};

// Weighted sum of the planes in double, [pixels][block].
std::vector<double> weighted(const std::vector<std::unique_ptr<Plane>>& planes,
                             const std::vector<float>& weights, std::size_t block) {
  std::vector<double> sum(planes[0]->values.size());
  for (std::size_t r = 0; r < planes.size(); ++r) {
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] += double{weights[r * block + i % block]} * planes[r]->values[i];
    }
  }
  return sum;
}

std::vector<float> narrowed(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

// 3x3, pad 1, divisor 9, of a [h][w][block] plane.
std::vector<float> pooled(const std::vector<double>& src, const PlanePool& pool,
                          std::int64_t block) {
  std::vector<float> dst;
  for (std::int64_t p = 0; p < pool.out_h; ++p) {
    for (std::int64_t q = 0; q < pool.out_w; ++q) {
      for (std::int64_t c = 0; c < block; ++c) {
        double sum = 0;
        for (std::int64_t y = p * pool.stride - 1; y <= p * pool.stride + 1; ++y) {
          for (std::int64_t x = q * pool.stride - 1; x <= q * pool.stride + 1; ++x) {
            if (y < 0 || y >= pool.h || x < 0 || x >= pool.w) continue;
            sum += src[static_cast<std::size_t>((y * pool.w + x) * block + c)];
          }
        }
        dst.push_back(static_cast<float>(sum / 9));
      }
    }
  }
  return dst;
}

// Calls check(kernels, block, storage, title) for each instruction set and storage.
template <class Check>
void for_each_kernel(const Check& check) {
  for (const Target& target : targets()) {
    for (const DType storage : {DType::kFloat32, DType::kBFloat16}) {
      const PlaneKernels& kernels = plane_kernels(storage, target.isa);
      check(kernels, static_cast<std::size_t>(kernels.block), storage,
            std::string(target.name) + " " + std::string(to_string(storage)));
    }
  }
}

constexpr std::size_t kPixels[] = {1, 2, 3, 4, 5, 7, 8, 13, 97};

Shape pixels_by_channels(std::size_t pixels, std::size_t block) {
  return {static_cast<std::int64_t>(pixels), static_cast<std::int64_t>(block)};
}

}  // namespace

TEST_CASE("plane kernels: the block is the one of the instruction set", "[vector][cpu]") {
  CHECK(plane_kernels(DType::kFloat32, Isa::kSse2).block == 8);
  CHECK(plane_kernels(DType::kFloat32, Isa::kAvx2).block == 8);
  CHECK(plane_kernels(DType::kFloat32, Isa::kAvx512).block == 16);
  CHECK(plane_kernels(DType::kFloat32).block == channel_block());
}

TEST_CASE("plane kernels: sum adds to what is there", "[vector][cpu]") {
  for_each_kernel(
      [](const PlaneKernels& kernels, std::size_t block, DType storage, const std::string& title) {
        for (const std::size_t pixels : kPixels) {
          const Plane src(pixels * block, storage, pixels);
          std::vector<float> sums = test::random_values(block, 5);
          std::vector<float> expected = sums;
          for (std::size_t c = 0; c < block; ++c) {
            double sum = sums[c];
            for (std::size_t i = 0; i < pixels; ++i) sum += src.values[i * block + c];
            expected[c] = static_cast<float>(sum);
          }
          kernels.sum(src.data, static_cast<std::int64_t>(pixels), sums.data());
          CHECK(test::mismatch(sums, expected, pixels_by_channels(1, block),
                               test::tolerance(DType::kFloat32), title) == "");
        }
      });
}

TEST_CASE("plane kernels: weighted_sum and affine", "[vector][cpu]") {
  for_each_kernel([](const PlaneKernels& kernels, std::size_t block, DType storage,
                     const std::string& title) {
    for (const std::size_t pixels : kPixels) {
      const Shape shape = pixels_by_channels(pixels, block);
      for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 16U}) {
        std::vector<std::unique_ptr<Plane>> planes;
        std::vector<const void*> srcs;
        for (std::size_t r = 0; r < count; ++r) {
          planes.push_back(std::make_unique<Plane>(pixels * block, storage, r + 1));
          srcs.push_back(planes.back()->data);
        }
        const std::vector<float> weights = test::random_values(count * block, 9);
        Result dst(pixels * block, storage);
        kernels.weighted_sum(srcs.data(), weights.data(), static_cast<int>(count),
                             static_cast<std::int64_t>(pixels), dst.data());
        CHECK(test::mismatch(dst.values(), narrowed(weighted(planes, weights, block)), shape,
                             test::tolerance(storage), title) == "");
        CHECK(dst.guard_is_whole());
      }
      const Plane src(pixels * block, storage, 3);
      const std::vector<float> scale = test::random_values(block, 6);
      const std::vector<float> shift = test::random_values(block, 7);
      Result dst(pixels * block, storage);
      kernels.affine(src.data, scale.data(), shift.data(), static_cast<std::int64_t>(pixels),
                     dst.data());
      std::vector<float> expected = src.values;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] = static_cast<float>(double{expected[i]} * scale[i % block] + shift[i % block]);
      }
      CHECK(test::mismatch(dst.values(), expected, shape, test::tolerance(storage), title) == "");
      CHECK(dst.guard_is_whole());
    }
  });
}

TEST_CASE("plane kernels: weighted_sum_pool", "[vector][cpu]") {
  for_each_kernel([](const PlaneKernels& kernels, std::size_t block, DType storage,
                     const std::string& title) {
    for (const std::int64_t h : {1, 2, 3, 4, 7, 8}) {
      for (const std::int64_t w : {1, 2, 5, 6}) {
        for (const int stride : {1, 2, 3}) {
          const PlanePool pool{h, w, (h - 1) / stride + 1, (w - 1) / stride + 1, stride};
          std::vector<std::unique_ptr<Plane>> planes;
          std::vector<const void*> srcs;
          for (std::uint64_t r = 0; r < 2; ++r) {
            planes.push_back(
                std::make_unique<Plane>(static_cast<std::size_t>(h * w) * block, storage, r));
            srcs.push_back(planes.back()->data);
          }
          const std::vector<float> weights = test::random_values(2 * block, 9);
          std::vector<float> rows(static_cast<std::size_t>(3 * w) * block,
                                  std::numeric_limits<float>::quiet_NaN());
          const auto pixels = static_cast<std::size_t>(pool.out_h * pool.out_w);
          Result dst(pixels * block, storage);
          kernels.weighted_sum_pool(srcs.data(), weights.data(), 2, pool, rows.data(), dst.data());
          CHECK(
              test::mismatch(
                  dst.values(),
                  pooled(weighted(planes, weights, block), pool, static_cast<std::int64_t>(block)),
                  pixels_by_channels(pixels, block), test::tolerance(storage), title) == "");
          CHECK(dst.guard_is_whole());
        }
      }
    }
  });
}

TEST_CASE("plane kernels: fully_connected", "[vector][cpu]") {
  for_each_kernel(
      [](const PlaneKernels& kernels, std::size_t block, DType, const std::string& title) {
        for (const std::size_t inputs : {1U, 3U, 4U, 5U, 31U, 64U, 257U}) {
          const std::vector<float> src = test::random_values(inputs, 1);
          const std::vector<float> weight = test::random_values(inputs * block, 2);
          const std::vector<float> bias = test::random_values(block, 3);
          std::vector<float> dst(block), expected(block);
          for (std::size_t c = 0; c < block; ++c) {
            double sum = bias[c];
            for (std::size_t i = 0; i < inputs; ++i) sum += double{src[i]} * weight[i * block + c];
            expected[c] = static_cast<float>(sum);
          }
          kernels.fully_connected(src.data(), weight.data(), bias.data(),
                                  static_cast<std::int64_t>(inputs), dst.data());
          CHECK(test::mismatch(dst, expected, pixels_by_channels(1, block),
                               test::tolerance(DType::kFloat32), title) == "");
        }
      });
}

TEST_CASE("plane kernels: bfloat16 is rounded to nearest even; NaN and infinities stay",
          "[vector][cpu]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const Target& target : targets()) {
    const PlaneKernels& kernels = plane_kernels(DType::kBFloat16, target.isa);
    const auto block = static_cast<std::size_t>(kernels.block);
    // dst = 0 * src + shift: only the store rounds.
    const std::vector<std::uint16_t> zeros(block, 0);
    const std::vector<float> scale(block, 0.0F);
    const float values[] = {1.0F,
                            1.0F + 0x1p-8F,
                            1.0F + 3 * 0x1p-8F,
                            -(1.0F + 0x1p-8F + 0x1p-20F),
                            std::numeric_limits<float>::max(),
                            0x1p-140F,
                            inf,
                            -inf};
    std::vector<float> shift(block, 0.0F);
    std::ranges::copy(values, shift.begin());
    Result dst(block, DType::kBFloat16);
    kernels.affine(zeros.data(), scale.data(), shift.data(), 1, dst.data());
    const std::vector<float> got = dst.values();
    INFO(target.name);
    for (std::size_t c = 0; c < block; ++c) CHECK(got[c] == test::round_to_bfloat16(shift[c]));
    shift.assign(block, nan);
    kernels.affine(zeros.data(), scale.data(), shift.data(), 1, dst.data());
    for (const float value : dst.values()) CHECK(std::isnan(value));
  }
}

}  // namespace nestor::cpu
