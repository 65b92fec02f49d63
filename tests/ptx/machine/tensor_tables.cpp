// groupID = %laneid >> 2, threadID_in_group = %laneid % 4.
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/ptx/machine/options.h"
#include "tests/ptx/machine/tensor.h"

namespace nestor::ptx {

namespace {

float low_half(u32 bits) { return _cvtsh_ss(static_cast<unsigned short>(bits)); }
float high_half(u32 bits) { return _cvtsh_ss(static_cast<unsigned short>(bits >> 16)); }
float low_bf16(u32 bits) { return std::bit_cast<float>(bits << 16); }
float high_bf16(u32 bits) { return std::bit_cast<float>(bits & 0xffff0000u); }

// What measurements of GPUs say of their sums (Fasi et al. 2021): products are exact; `step`
// products and the sum so far are aligned to the largest exponent, cut off behind 24 + `guard`
// bits, added, and the result cut off to fp32.
float chopped_sum(float sum, const float* a, const float* b, int count, int guard) {
  double terms[9];
  u64 largest = 0;  // biased exponent
  terms[0] = sum;
  for (int i = 0; i < count; ++i)
    terms[i + 1] = static_cast<double>(a[i]) * static_cast<double>(b[i]);
  for (int i = 0; i <= count; ++i)
    largest = std::max(largest, std::bit_cast<u64>(terms[i]) >> 52 & 0x7ff);
  if (largest == 0) return sum;
  if (largest == 0x7ff) {  // NaN or infinity
    double all = 0;
    for (int i = 0; i <= count; ++i) all += terms[i];
    return static_cast<float>(all);
  }
  // Whole numbers of units of 2^(exponent - 23 - guard).
  const int shift = 23 + guard - (static_cast<int>(largest) - 1023);
  const double scale = std::bit_cast<double>(static_cast<u64>(1023 + shift) << 52);
  i64 all = 0;
  for (int i = 0; i <= count; ++i) all += static_cast<i64>(terms[i] * scale);
  const u64 size = static_cast<u64>(all < 0 ? -all : all);
  const int surplus = std::max(0, static_cast<int>(std::bit_width(size)) - 24);
  const u64 kept = size >> surplus << surplus;
  const double result =
      static_cast<double>(kept) * std::bit_cast<double>(static_cast<u64>(1023 - shift) << 52);
  return static_cast<float>(all < 0 ? -result : result);
}

// c[m][n] += a[m][0..K) * b[n][0..K): sums in fp32 in the order of k, or as chopped_sum.
template <int kM, int kN, int kK>
void multiply(float (&c)[kM][kN], const float (&a)[kM][kK], const float (&b)[kK][kN], int step,
              int guard) {
  if (options().chop) {
    for (int n = 0; n < kN; ++n) {
      float column[kK];
      for (int k = 0; k < kK; ++k) column[k] = b[k][n];
      for (int m = 0; m < kM; ++m) {
        for (int k = 0; k < kK; k += step)
          c[m][n] = chopped_sum(c[m][n], a[m] + k, column + k, step, guard);
      }
    }
    return;
  }
  for (int m = 0; m < kM; ++m) {
    for (int k = 0; k < kK; ++k) {
      for (int n = 0; n < kN; ++n) c[m][n] = std::fma(a[m][k], b[k][n], c[m][n]);
    }
  }
}

void m8n8k4(const u32* const* a_rows, const u32* const* b_rows, const u32* const* c_rows,
            u32* const* d_rows) {
  float results[8][kLanes];
  for (int computation = 0; computation < 4; ++computation) {
    float a[8][4], b[4][8], c[8][8];
    for (int high = 0; high < 2; ++high) {
      for (int t = 0; t < 4; ++t) {
        const int lane = 4 * computation + t + 16 * high;
        // A (.row): row = laneid % 4 (+ 4 in the high group), col = i.
        // B (.col): row = i, col = laneid % 4 (+ 4 in the high group).
        const int place = lane % 4 + 4 * high;
        for (int r = 0; r < 2; ++r) {
          a[place][2 * r] = low_half(a_rows[r][lane]);
          a[place][2 * r + 1] = high_half(a_rows[r][lane]);
          b[2 * r][place] = low_half(b_rows[r][lane]);
          b[2 * r + 1][place] = high_half(b_rows[r][lane]);
        }
        // C: row = (laneid & 1) + (i & 2) (+ 4 in the high group), col = (i & 4) + (laneid & 2) +
        // (i & 1).
        for (int i = 0; i < 8; ++i) {
          c[(lane & 1) + (i & 2) + 4 * high][(i & 4) + (lane & 2) + (i & 1)] =
              std::bit_cast<float>(c_rows[i][lane]);
        }
      }
    }
    multiply(c, a, b, 4, 0);
    for (int high = 0; high < 2; ++high) {
      for (int t = 0; t < 4; ++t) {
        const int lane = 4 * computation + t + 16 * high;
        for (int i = 0; i < 8; ++i) {
          results[i][lane] = c[(lane & 1) + (i & 2) + 4 * high][(i & 4) + (lane & 2) + (i & 1)];
        }
      }
    }
  }
  for (int i = 0; i < 8; ++i) {
    for (int lane = 0; lane < kLanes; ++lane)
      d_rows[i][lane] = std::bit_cast<u32>(results[i][lane]);
  }
}

template <int kK>
void m16n8(Type type, const u32* const* a_rows, const u32* const* b_rows, const u32* const* c_rows,
           u32* const* d_rows) {
  float a[16][kK], b[kK][8], c[16][8];
  for (int lane = 0; lane < kLanes; ++lane) {
    const int group = lane >> 2, t = lane % 4;
    if (type == Type::kTf32) {
      if constexpr (kK == 8) {
        // a0: (group, t), a1: (group + 8, t), a2: (group, t + 4), a3: (group + 8, t + 4); the lower
        // 13 bits are not read.
        for (int i = 0; i < 4; ++i) {
          a[group + (i == 1 || i == 3 ? 8 : 0)][t + (i >= 2 ? 4 : 0)] =
              std::bit_cast<float>(a_rows[i][lane] & 0xffffe000u);
        }
        for (int i = 0; i < 2; ++i)
          b[t + 4 * i][group] = std::bit_cast<float>(b_rows[i][lane] & 0xffffe000u);
      }
    } else {
      const bool half = type == Type::kF16;
      // m16n8k16: row = group for a0 a1 a4 a5, else group + 8; col = 2 t + (i & 1), + 8 from a4 on.
      // m16n8k8: row = group for a0 a1, else group + 8.
      for (int r = 0; r < kK / 4; ++r) {
        const int row = group + (r % 2 == 1 ? 8 : 0), col = 2 * t + (r >= 2 ? 8 : 0);
        a[row][col] = half ? low_half(a_rows[r][lane]) : low_bf16(a_rows[r][lane]);
        a[row][col + 1] = half ? high_half(a_rows[r][lane]) : high_bf16(a_rows[r][lane]);
      }
      // row = 2 t + (i & 1), + 8 from b2 on; col = group.
      for (int r = 0; r < kK / 8; ++r) {
        const int row = 2 * t + 8 * r;
        b[row][group] = half ? low_half(b_rows[r][lane]) : low_bf16(b_rows[r][lane]);
        b[row + 1][group] = half ? high_half(b_rows[r][lane]) : high_bf16(b_rows[r][lane]);
      }
    }
    // c0 c1: row = group, c2 c3: group + 8; col = 2 t + (i & 1).
    for (int i = 0; i < 4; ++i) {
      c[group + (i >= 2 ? 8 : 0)][2 * t + (i & 1)] = std::bit_cast<float>(c_rows[i][lane]);
    }
  }
  // One step of an A100 adds 8 products, 4 in tf32; of older GPUs 4.
  const bool ampere = options().sm >= 80;
  multiply(c, a, b, ampere && type != Type::kTf32 ? 8 : 4, ampere ? 1 : 0);
  for (int lane = 0; lane < kLanes; ++lane) {
    const int group = lane >> 2, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      d_rows[i][lane] = std::bit_cast<u32>(c[group + (i >= 2 ? 8 : 0)][2 * t + (i & 1)]);
    }
  }
}

}  // namespace

void mma_by_tables(MmaShape shape, Type type, const u32* const* a, const u32* const* b,
                   const u32* const* c, u32* const* d) {
  switch (shape) {
    case MmaShape::kM8N8K4: return m8n8k4(a, b, c, d);
    case MmaShape::kM16N8K8: return m16n8<8>(type, a, b, c, d);
    case MmaShape::kM16N8K16: return m16n8<16>(type, a, b, c, d);
  }
}

void mma(MmaShape shape, Type type, const u32* const* a, const u32* const* b, const u32* const* c,
         u32* const* d) {
  if (options().chop) return mma_by_tables(shape, type, a, b, c, d);
  mma_by_vectors(shape, type, a, b, c, d);
}

}  // namespace nestor::ptx
