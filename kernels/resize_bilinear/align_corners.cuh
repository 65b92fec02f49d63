#pragma once
// A pixel of an align-corners bilinear resize (engine/ops/resize_bilinear): where its sources are,
// and their weights. float32, each operation rounded: files that include this are compiled without
// fused multiply-adds.

#include "kernels/device/storage.cuh"

namespace nestor {

// Of one axis.
struct BilinearTap {
  int low, high;
  float low_weight, high_weight;
};

// scale: (size - 1) / (dst size - 1), or 0.
__device__ __forceinline__ BilinearTap bilinear_tap(int dst, int size, float scale) {
  const float position = static_cast<float>(dst) * scale;
  const int low = smaller(static_cast<int>(position), size - 1);
  const float distance = position - static_cast<float>(low);
  return {low, smaller(low + 1, size - 1), 1.0f - distance, distance};
}

// 8 channels of the pixel, from those of an image: [h][w][c], at the first of the 8.
template <class T>
__device__ __forceinline__ void bilinear_chunk(const T* src, int w, int c, const BilinearTap& row,
                                               const BilinearTap& column, float (&values)[kChunk]) {
  float corners[4][kChunk];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::int64_t pixel = static_cast<std::int64_t>(i < 2 ? row.low : row.high) * w +
                               (i % 2 == 0 ? column.low : column.high);
    load_chunk(src + pixel * c, corners[i]);
  }
#pragma unroll
  for (int j = 0; j < kChunk; ++j) {
    const float above = column.low_weight * corners[0][j] + column.high_weight * corners[1][j];
    const float below = column.low_weight * corners[2][j] + column.high_weight * corners[3][j];
    values[j] = row.low_weight * above + row.high_weight * below;
  }
}

}  // namespace nestor
