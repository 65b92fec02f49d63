#pragma once
// MXNet's align-corners bilinear resize (contrib.BilinearResize2D): the corners of source and
// destination coincide. float32, in its order of operations, so results are equal bit for bit.

#include <vector>

namespace nestor {

// What a destination pixel is made of along one axis: (1 - distance) * src[low] + distance *
// src[high].
struct AlignCornersTap {
  int low = 0, high = 0;
  float distance = 0;  // of the position from `low`
};

// Of all destination pixels, in their order. A single one is the first of the source. More exact
// coordinates than these differ by up to 1e-4 on large images.
std::vector<AlignCornersTap> align_corners_taps(int src_size, int dst_size);

// Resizes planes of one size to another. Holds no plane: any threads may share one.
class AlignCornersResize {
 public:
  AlignCornersResize(int src_height, int src_width, int dst_height, int dst_width);

  int dst_height() const { return static_cast<int>(rows_.size()); }
  int dst_width() const { return static_cast<int>(columns_.size()); }

  // Rows [first, end) of the destination, to `dst`. `scratch`: room for scratch_floats().
  void rows(const float* src, int first, int end, float* dst, float* scratch) const;
  std::size_t scratch_floats() const { return 2 * columns_.size(); }

 private:
  void resize_row(const float* src, int row, float* dst) const;

  int src_width_;
  std::vector<AlignCornersTap> rows_, columns_;
};

}  // namespace nestor
