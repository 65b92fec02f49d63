#pragma once
// Kernels of our own for the CPU, on planes: one block of channels of one image, which the blocked
// layouts store as h * w consecutive vectors of `block` channels. Bindings spread planes over
// threads; a plane is always worked on by one thread, in one order, so results depend neither on
// the number of threads nor on the batch.
//
// The same source is compiled for several instruction sets (plane_kernels_<isa>.cpp) and chosen at
// run time by plane_kernels(). `storage` is float32 or bfloat16; arithmetic is float32.

#include <cstdint>

#include "engine/backends/cpu/onednn.h"

namespace nestor::cpu {

inline constexpr int kMaxBlock = 16;

// Window of the AVD pool: 3x3, pad 1, divisor 9.
struct PlanePool {
  std::int64_t h = 0, w = 0;  // of src
  std::int64_t out_h = 0, out_w = 0;
  int stride = 1;
};

// Where bins of a region lie along an axis: sample `s` of bin `b` is number b * samples + s, and is
// low_weight * line[low] + high_weight * line[high].
struct AxisSample {
  std::int64_t low = 0, high = 0;
  float low_weight = 0, high_weight = 0;  // both 0 outside the map
};
struct PlaneRegion {
  const AxisSample* rows = nullptr;
  const AxisSample* columns = nullptr;
  int bins_h = 0, bins_w = 0;
  int samples = 0;  // of a bin along each axis
};

struct PlaneKernels {
  int block;  // channels in a vector: 8 or 16

  // sums[c] += sum over pixels of src[pixel][c]
  void (*sum)(const void* src, std::int64_t pixels, float* sums);

  // dst[pixel][c] = sum_i weights[i][c] * srcs[i][pixel][c];  weights: `count` vectors
  void (*weighted_sum)(const void* const* srcs, const float* weights, int count,
                       std::int64_t pixels, void* dst);

  // The same, then the pool. rows: room for 3 * w vectors of float32.
  void (*weighted_sum_pool)(const void* const* srcs, const float* weights, int count,
                            const PlanePool& pool, float* rows, void* dst);

  // dst[pixel][c] = src[pixel][c] * scale[c] + shift[c]
  void (*affine)(const void* src, const float* scale, const float* shift, std::int64_t pixels,
                 void* dst);

  // dst[y][x][c] += coarse[y / 2][x / 2][c], dst of height x width pixels
  void (*add_upsampled)(const void* coarse, std::int64_t height, std::int64_t width, void* dst);

  // The mean of each bin's samples, dst[bin row][bin column][c]; `width`: of src
  void (*pool_region)(const void* src, std::int64_t width, const PlaneRegion& region, void* dst);

  // dst[pixel * stride + c] = src[pixel][c] for c < count, float32
  void (*gather)(const void* src, std::int64_t pixels, std::int64_t count, std::int64_t stride,
                 float* dst);

  // One block of outputs of a fully connected layer, float32:
  // dst[c] = bias[c] + sum_i src[i] * weight[i][c]
  void (*fully_connected)(const float* src, const float* weight, const float* bias,
                          std::int64_t inputs, float* dst);
};

// Storage: kFloat32 or kBFloat16. The machine must have the instruction set.
const PlaneKernels& plane_kernels(DType storage, Isa isa);

// Of the instruction set that isa() names.
inline const PlaneKernels& plane_kernels(DType storage) { return plane_kernels(storage, isa()); }

}  // namespace nestor::cpu
