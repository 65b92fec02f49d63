#include <algorithm>
#include <utility>

#include "engine/check.h"
#include "engine/image/align_corners.h"
#include "engine/image/resize.h"

namespace nestor {

std::vector<AlignCornersTap> align_corners_taps(int src_size, int dst_size) {
  const float scale =
      dst_size > 1 ? static_cast<float>(src_size - 1) / static_cast<float>(dst_size - 1) : 0.0F;
  std::vector<AlignCornersTap> taps;
  for (int i = 0; i < dst_size; ++i) {
    const float position = static_cast<float>(i) * scale;
    const int low = std::min(static_cast<int>(position), src_size - 1);
    taps.push_back({low, std::min(low + 1, src_size - 1), position - static_cast<float>(low)});
  }
  return taps;
}

AlignCornersResize::AlignCornersResize(int src_height, int src_width, int dst_height, int dst_width)
    : src_width_(src_width) {
  CHECK(src_height >= 1 && src_width >= 1 && dst_height >= 1 && dst_width >= 1,
        "align-corners resize from {} x {} to {} x {}", src_width, src_height, dst_width,
        dst_height);
  rows_ = align_corners_taps(src_height, dst_height);
  columns_ = align_corners_taps(src_width, dst_width);
}

void AlignCornersResize::resize_row(const float* src, int row, float* dst) const {
  src += std::ptrdiff_t{row} * src_width_;
  for (const AlignCornersTap& tap : columns_) {
    *dst++ = (1.0F - tap.distance) * src[tap.low] + tap.distance * src[tap.high];
  }
}

// The two source rows, resized along x, are kept for the next destination rows.
void AlignCornersResize::rows(const float* src, int first, int end, float* dst,
                              float* scratch) const {
  const std::size_t width = columns_.size();
  float *above = scratch, *below = scratch + width;
  int held_above = -1, held_below = -1;
  for (int y = first; y < end; ++y, dst += width) {
    const AlignCornersTap& tap = rows_[static_cast<std::size_t>(y)];
    if (held_below == tap.low) {
      std::swap(above, below);
      std::swap(held_above, held_below);
    }
    if (held_above != tap.low) resize_row(src, held_above = tap.low, above);
    if (held_below != tap.high) resize_row(src, held_below = tap.high, below);
    for (std::size_t x = 0; x < width; ++x) {
      dst[x] = (1.0F - tap.distance) * above[x] + tap.distance * below[x];
    }
  }
}

void resize_align_corners(const float* src, std::int64_t num_planes, int src_height, int src_width,
                          float* dst, int dst_height, int dst_width) {
  const AlignCornersResize resize(src_height, src_width, dst_height, dst_width);
  std::vector<float> scratch(resize.scratch_floats());
  for (std::int64_t plane = 0; plane < num_planes; ++plane) {
    resize.rows(src + plane * src_height * src_width, 0, dst_height,
                dst + plane * dst_height * dst_width, scratch.data());
  }
}

}  // namespace nestor
