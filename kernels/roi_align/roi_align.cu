// RoIAlign over all levels and images.
//
//   dst[roi,p,q,c] = mean over samples x samples points of bin (p, q), bilinear between pixels
//
//   grid   n * rois: a block of a region that is not in use ends at once
//   block  256 threads; a thread takes chunks of 8 channels of bins: neighbouring lanes read
//          neighbouring channels of the same four pixels
//
// No shared memory: where the points lie is computed by each thread, for 2 x 2 points some forty
// operations beside 16 loads of 16 bytes. float32 sums in the order of points, one rounding. The
// level is found by comparing areas in double, exactly as by logarithms: products of two floats are
// exact there. Bound by L2; not measured yet.
// Not hot: one launch a detector, under a hundredth of its time.
#include "kernels/device/boxes.cuh"
#include "kernels/device/launch.h"
#include "kernels/device/storage.cuh"
#include "kernels/roi_align/roi_align.h"

namespace nestor {
namespace {

constexpr int kThreads = 256;
// On a multiprocessor: left to itself, ptxas aims at more on sm_70 and spills.
constexpr int kBlocksAtOnce = 3;

// A point along an axis: low_weight * line[low] + high_weight * line[high].
struct Sample {
  int low, high;
  float low_weight, high_weight;
};

// Beyond -1 or the size nothing counts.
__device__ __forceinline__ Sample sample_at(float at, int size) {
  if (!(at >= -1.0f && at <= static_cast<float>(size))) return {0, 0, 0.0f, 0.0f};
  at = fmaxf(at, 0.0f);
  const int low = static_cast<int>(at);
  if (low >= size - 1) return {size - 1, size - 1, 1.0f, 0.0f};
  const float part = at - static_cast<float>(low);
  return {low, low + 1, 1.0f - part, part};
}

__device__ __forceinline__ int level_of(const RoiAlignArgs& args, const DeviceBox& roi) {
  const float w = roi.x2 - roi.x1 + 1.0f, h = roi.y2 - roi.y1 + 1.0f;
  const double area = static_cast<double>(w) * static_cast<double>(h);
  int level = 0;
  for (int i = 1; i < args.num_levels; ++i)
    level = area >= args.levels[i].smallest_area ? i : level;
  return level;
}

// An axis of the region on its level.
struct Axis {
  float start, bin;
};
__device__ __forceinline__ Axis axis_of(float first, float last, float scale, int bins) {
  const float start = product(first, scale);
  const float length = fmaxf(product(last, scale) - start, 1.0f);
  return {start, length / static_cast<float>(bins)};
}

__device__ __forceinline__ Sample point(const Axis& axis, int bin, int sample, int samples,
                                        int size) {
  const float within = product(static_cast<float>(sample) + 0.5f, axis.bin);
  const float at = axis.start + product(static_cast<float>(bin), axis.bin) +
                   within / static_cast<float>(samples);
  return sample_at(at, size);
}

// Adds factor * a chunk.
template <class T>
__device__ __forceinline__ void add_pixel(const T* address, float factor, float (&sum)[kChunk]) {
  float values[kChunk];
  load_chunk(address, values);
#pragma unroll
  for (int i = 0; i < kChunk; ++i) sum[i] += factor * values[i];
}

template <class T>
__global__ void __launch_bounds__(kThreads, kBlocksAtOnce)
    roi_align_kernel(const __grid_constant__ RoiAlignArgs args) {
  const int row = static_cast<int>(blockIdx.x);
  const int image = row / args.rois;
  if (row % args.rois < args.count[image]) {
    const float* const corners = args.boxes + std::int64_t{4} * row;
    const DeviceBox roi{corners[0], corners[1], corners[2], corners[3]};
    const RoiLevel& level = args.levels[level_of(args, roi)];
    const Axis ys = axis_of(roi.y1, roi.y2, level.scale, args.bins_h);
    const Axis xs = axis_of(roi.x1, roi.x2, level.scale, args.bins_w);
    const T* const map = static_cast<const T*>(level.map) + static_cast<std::int64_t>(image) *
                                                                level.h * level.w *
                                                                args.c;  // [h][w][c]
    const int chunks = args.c / kChunk, bins = args.bins_h * args.bins_w;
    const auto points = static_cast<float>(args.samples * args.samples);
    T* const dst = static_cast<T*>(args.dst) + static_cast<std::int64_t>(row) * bins * args.c;
    for (int item = static_cast<int>(threadIdx.x); item < bins * chunks; item += kThreads) {
      const int bin = item / chunks, channel = item % chunks * kChunk;
      float sum[kChunk] = {};
      for (int i = 0; i < args.samples * args.samples; ++i) {
        const Sample y = point(ys, bin / args.bins_w, i / args.samples, args.samples, level.h);
        const Sample x = point(xs, bin % args.bins_w, i % args.samples, args.samples, level.w);
        const T* const upper = map + static_cast<std::int64_t>(y.low) * level.w * args.c + channel;
        const T* const lower = map + static_cast<std::int64_t>(y.high) * level.w * args.c + channel;
        add_pixel(upper + x.low * args.c, y.low_weight * x.low_weight, sum);
        add_pixel(upper + x.high * args.c, y.low_weight * x.high_weight, sum);
        add_pixel(lower + x.low * args.c, y.high_weight * x.low_weight, sum);
        add_pixel(lower + x.high * args.c, y.high_weight * x.high_weight, sum);
      }
#pragma unroll
      for (int i = 0; i < kChunk; ++i) sum[i] /= points;
      store_chunk(dst + bin * args.c + channel, sum);
    }
  }
}

}  // namespace

DeviceStatus roi_align(const RoiAlignArgs& args, Stream stream) {
  const std::int64_t rows = static_cast<std::int64_t>(args.n) * args.rois;
  if (rows < 1 || rows > INT32_MAX || args.num_levels < 1 || args.num_levels > kMaxRoiLevels ||
      args.c < kChunk || args.c % kChunk != 0 || args.samples < 1) {
    return {DeviceCode::kInvalidArgument, "roi_align: an extent is not possible"};
  }
  const LaunchConfig config{"roi_align", {static_cast<unsigned>(rows)}, kThreads};
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(roi_align_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
