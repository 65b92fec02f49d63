#include "apps/bench/machine_peaks.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

namespace nestor {

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

volatile float float_sink;
volatile std::int64_t int_sink;

constexpr int kChains = 16;
constexpr std::int64_t kRounds = 4'000'000;

using Float4 = float __attribute__((vector_size(16)));
using Float8 = float __attribute__((vector_size(32)));
using Float16 = float __attribute__((vector_size(64)));

template <class Vector>
[[gnu::always_inline]] inline float chains() {
  Vector sums[kChains];
  for (Vector& sum : sums) sum = Vector{} + float_sink;  // equal chains would become one
  Vector factor = Vector{} + 0.999F, summand = Vector{} + 0.001F;
  for (std::int64_t i = 0; i < kRounds; ++i) {
#pragma GCC unroll 16
    for (Vector& sum : sums) sum = sum * factor + summand;
  }
  Vector total = {};
  for (const Vector& sum : sums) total += sum;
  return total[0];
}

[[gnu::target("avx512f"), gnu::noinline]] float chains_avx512() { return chains<Float16>(); }
[[gnu::target("avx2,fma"), gnu::noinline]] float chains_avx2() { return chains<Float8>(); }
[[gnu::noinline]] float chains_sse2() { return chains<Float4>(); }

const std::vector<std::int64_t>& large_array() {
  static const std::vector<std::int64_t> array((std::size_t{256} << 20) / 8, 1);
  return array;
}

}  // namespace

double peak_gflops([[maybe_unused]] int threads) {
  const bool avx512 = __builtin_cpu_supports("avx512f");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const int lanes = avx512 ? 16 : (avx2 ? 8 : 4);
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto start = std::chrono::steady_clock::now();
#pragma omp parallel num_threads(threads)
    float_sink = avx512 ? chains_avx512() : (avx2 ? chains_avx2() : chains_sse2());
    const double operations = 2.0 * kRounds * kChains * lanes * threads;
    best = std::max(best, 1e-9 * operations / seconds_since(start));
  }
  return best;
}

double read_gbytes([[maybe_unused]] int threads) {
  const auto& array = large_array();
  const auto count = static_cast<std::int64_t>(array.size());
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    const auto start = std::chrono::steady_clock::now();
    std::int64_t sum = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i) sum += array[static_cast<std::size_t>(i)];
    int_sink = sum;
    best = std::max(best, 8e-9 * static_cast<double>(count) / seconds_since(start));
  }
  return best;
}

void flush_caches() {
  std::int64_t sum = 0;
  for (const std::int64_t value : large_array()) sum += value;
  int_sink = sum;
}

}  // namespace nestor
