#pragma once
// Boxes as corners, with the arithmetic of engine/boxes/box.h: products are rounded before they are
// added, since a fused multiply-add would decide near-ties with thresholds otherwise.

#include "kernels/device/simt.cuh"

namespace nestor {

struct DeviceBox {
  float x1, y1, x2, y2;
};

__device__ __forceinline__ float product(float a, float b) {
#if NESTOR_SIMT
  return a * b;
#else
  return __fmul_rn(a, b);
#endif
}

// 0 if a side is negative.
__device__ __forceinline__ float box_area(const DeviceBox& b) {
  const float w = b.x2 - b.x1, h = b.y2 - b.y1;
  return w < 0 || h < 0 ? 0.0f : product(w, h);
}

// Whether their intersection over union is above the threshold; 0 / 0 is not.
__device__ __forceinline__ bool boxes_overlap(const DeviceBox& a, const DeviceBox& b,
                                              float threshold) {
  const float w = fmaxf(0.0f, fminf(a.x2, b.x2) - fmaxf(a.x1, b.x1));
  const float h = fmaxf(0.0f, fminf(a.y2, b.y2) - fmaxf(a.y1, b.y1));
  const float shared = product(w, h);
  return shared / (box_area(a) + box_area(b) - shared) > threshold;
}

// The box that lies relative to `anchor` as deltas (dx, dy, dw, dh) say; `center` and `size`
// multiply them.
__device__ __forceinline__ DeviceBox decode_box(const DeviceBox& anchor, const float* deltas,
                                                float center, float size) {
  constexpr float kMostGrowth = 4.14f;
  const float w = anchor.x2 - anchor.x1, h = anchor.y2 - anchor.y1;
  const float x = product(product(deltas[0], center), w) + (anchor.x1 + w / 2);
  const float y = product(product(deltas[1], center), h) + (anchor.y1 + h / 2);
  const float half_w = product(expf(fminf(product(deltas[2], size), kMostGrowth)), w) / 2;
  const float half_h = product(expf(fminf(product(deltas[3], size), kMostGrowth)), h) / 2;
  return {x - half_w, y - half_h, x + half_w, y + half_h};
}

__device__ __forceinline__ bool is_finite(float x) { return x - x == 0; }

__device__ __forceinline__ bool is_finite(const DeviceBox& b) {
  return is_finite(b.x1) && is_finite(b.y1) && is_finite(b.x2) && is_finite(b.y2);
}

// Scores and their places as one number: the higher score first and, of equal ones, the lower place,
// when numbers are sorted upwards. Scores are not negative, and no NaN.
using RankKey = unsigned long long;

constexpr RankKey kNoRank = ~RankKey{0};  // behind all others

__device__ __forceinline__ RankKey rank_key(float score, unsigned place) {
  return static_cast<RankKey>(~__float_as_uint(score)) << 32 | place;
}
__device__ __forceinline__ float score_of(RankKey key) {
  return __uint_as_float(~static_cast<unsigned>(key >> 32));
}
__device__ __forceinline__ unsigned place_of(RankKey key) { return static_cast<unsigned>(key); }

}  // namespace nestor
