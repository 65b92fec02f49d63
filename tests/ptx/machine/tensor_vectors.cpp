// The sums of tensor_tables.cpp, 8 lanes at a time. Each element of D stays in its lane; what it
// needs of A and B is brought there.
#include <immintrin.h>

#include "tests/ptx/machine/tensor.h"

namespace nestor::ptx {

namespace {

__m256i row8(const u32* row, int v) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + 8 * v));
}
__m256 halves8(__m256i words) {  // the low half of each word, as fp32
  return _mm256_cvtph_ps(
      _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}
__m256 low8(Type type, __m256i words) {
  if (type == Type::kF16) return halves8(_mm256_and_si256(words, _mm256_set1_epi32(0xffff)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}
__m256 high8(Type type, __m256i words) {
  if (type == Type::kF16) return halves8(_mm256_srli_epi32(words, 16));
  return _mm256_castsi256_ps(
      _mm256_and_si256(words, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}

void fast_m8n8k4(const u32* const* a_rows, const u32* const* b_rows, const u32* const* c_rows,
                 u32* const* d_rows) {
  __m256 a[4][4], b[4][4];  // [k][8 lanes]
  for (int v = 0; v < 4; ++v) {
    for (int r = 0; r < 2; ++r) {
      const __m256i aw = row8(a_rows[r], v), bw = row8(b_rows[r], v);
      a[2 * r][v] = low8(Type::kF16, aw);
      a[2 * r + 1][v] = high8(Type::kF16, aw);
      b[2 * r][v] = low8(Type::kF16, bw);
      b[2 * r + 1][v] = high8(Type::kF16, bw);
    }
  }
  __m256 d[8][4];
  for (int i = 0; i < 8; ++i) {
    for (int v = 0; v < 4; ++v) d[i][v] = _mm256_castsi256_ps(row8(c_rows[i], v));
  }
  for (int k = 0; k < 4; ++k) {
    for (int v = 0; v < 4; ++v) {
      // Row (lane & 1) + (i & 2) of A is in the same group of 4 lanes; column (lane & 2) + (i & 1)
      // of B in that of the low lanes (i < 4) or of the high ones.
      const __m256 a0 = _mm256_permute_ps(a[k][v], 0b01000100),
                   a2 = _mm256_permute_ps(a[k][v], 0b11101110);
      for (int high = 0; high < 2; ++high) {
        const __m256 from = b[k][v % 2 + 2 * high];
        const __m256 b0 = _mm256_permute_ps(from, 0b10100000),
                     b1 = _mm256_permute_ps(from, 0b11110101);
        d[4 * high][v] = _mm256_fmadd_ps(a0, b0, d[4 * high][v]);
        d[4 * high + 1][v] = _mm256_fmadd_ps(a0, b1, d[4 * high + 1][v]);
        d[4 * high + 2][v] = _mm256_fmadd_ps(a2, b0, d[4 * high + 2][v]);
        d[4 * high + 3][v] = _mm256_fmadd_ps(a2, b1, d[4 * high + 3][v]);
      }
    }
  }
  for (int i = 0; i < 8; ++i) {
    for (int v = 0; v < 4; ++v)
      _mm256_storeu_ps(reinterpret_cast<float*>(d_rows[i] + 8 * v), d[i][v]);
  }
}

template <int kT>
__m256 spread(__m256 x) {  // lane kT of each group of four to all four
  return _mm256_permute_ps(x, kT * 0b01010101);
}
__m256 spread(__m256 x, int t) {
  switch (t) {
    case 0: return spread<0>(x);
    case 1: return spread<1>(x);
    case 2: return spread<2>(x);
    default: return spread<3>(x);
  }
}

template <int kK>
void fast_m16n8(Type type, const u32* const* a_rows, const u32* const* b_rows,
                const u32* const* c_rows, u32* const* d_rows) {
  const bool tf32 = type == Type::kTf32;
  // b[k][column]
  alignas(32) float b[kK][8];
  const int num_b = tf32 ? kK / 4 : kK / 8;
  for (int r = 0; r < num_b; ++r) {
    for (int v = 0; v < 4; ++v) {
      alignas(32) float low[8], high[8];
      const __m256i words = row8(b_rows[r], v);
      if (tf32) {
        _mm256_store_ps(low, _mm256_castsi256_ps(_mm256_and_si256(
                                 words, _mm256_set1_epi32(static_cast<int>(0xffffe000u)))));
      } else {
        _mm256_store_ps(low, low8(type, words));
        _mm256_store_ps(high, high8(type, words));
      }
      for (int l = 0; l < 8; ++l) {
        const int column = 2 * v + l / 4, t = l % 4;
        if (tf32) {
          b[t + 4 * r][column] = low[l];
        } else {
          b[2 * t + 8 * r][column] = low[l];
          b[2 * t + 8 * r + 1][column] = high[l];
        }
      }
    }
  }
  // Lane (group, t) sums columns 2 t and 2 t + 1.
  __m256 even[kK], odd[kK];
  for (int k = 0; k < kK; ++k) {
    const __m256 all = _mm256_load_ps(b[k]);
    const __m128 first = _mm256_castps256_ps128(all), second = _mm256_extractf128_ps(all, 1);
    const __m128 e = _mm_shuffle_ps(first, second, 0b10001000),
                 o = _mm_shuffle_ps(first, second, 0b11011101);
    even[k] = _mm256_set_m128(e, e);
    odd[k] = _mm256_set_m128(o, o);
  }
  __m256 d[4][4];
  for (int half = 0; half < 2; ++half) {  // rows group and group + 8
    for (int v = 0; v < 4; ++v) {
      __m256 a[kK];  // A[row][k] on all lanes of the group
      for (int r = half; r < (tf32 ? kK / 2 : kK / 4); r += 2) {
        const __m256i words = row8(a_rows[r], v);
        if (tf32) {
          const __m256 x = _mm256_castsi256_ps(
              _mm256_and_si256(words, _mm256_set1_epi32(static_cast<int>(0xffffe000u))));
          for (int t = 0; t < 4; ++t) a[4 * (r / 2) + t] = spread(x, t);
        } else {
          const __m256 low = low8(type, words), high = high8(type, words);
          for (int t = 0; t < 4; ++t) {
            a[8 * (r / 2) + 2 * t] = spread(low, t);
            a[8 * (r / 2) + 2 * t + 1] = spread(high, t);
          }
        }
      }
      __m256 x = _mm256_castsi256_ps(row8(c_rows[2 * half], v)),
             y = _mm256_castsi256_ps(row8(c_rows[2 * half + 1], v));
      for (int k = 0; k < kK; ++k) {
        x = _mm256_fmadd_ps(a[k], even[k], x);
        y = _mm256_fmadd_ps(a[k], odd[k], y);
      }
      d[2 * half][v] = x;
      d[2 * half + 1][v] = y;
    }
  }
  for (int i = 0; i < 4; ++i) {
    for (int v = 0; v < 4; ++v)
      _mm256_storeu_ps(reinterpret_cast<float*>(d_rows[i] + 8 * v), d[i][v]);
  }
}

}  // namespace

void mma_by_vectors(MmaShape shape, Type type, const u32* const* a, const u32* const* b,
                    const u32* const* c, u32* const* d) {
  switch (shape) {
    case MmaShape::kM8N8K4: return fast_m8n8k4(a, b, c, d);
    case MmaShape::kM16N8K8: return fast_m16n8<8>(type, a, b, c, d);
    case MmaShape::kM16N8K16: return fast_m16n8<16>(type, a, b, c, d);
  }
}

}  // namespace nestor::ptx
