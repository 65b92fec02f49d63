// contrib.BilinearResize2D: the corners of source and destination coincide. The float32 expression
// is MXNet's, so results are equal bit for bit.

#include <algorithm>
#include <array>
#include <vector>

#include "engine/check.h"
#include "engine/image/resize.h"

namespace nestor {

namespace {

struct Tap {
  int low, high;
  float distance;  // from low
};

std::vector<Tap> taps_of(int src_size, int dst_size) {
  const float scale =
      dst_size > 1 ? static_cast<float>(src_size - 1) / static_cast<float>(dst_size - 1) : 0.0F;
  std::vector<Tap> taps;
  for (int i = 0; i < dst_size; ++i) {
    const float position = static_cast<float>(i) * scale;
    const int low = std::min(static_cast<int>(position), src_size - 1);
    taps.push_back({low, std::min(low + 1, src_size - 1), position - static_cast<float>(low)});
  }
  return taps;
}

// A source row resized along x, kept for the next output rows.
struct Row {
  int y = -1;
  std::vector<float> values;

  void fill(const float* plane, int width, int row, const std::vector<Tap>& taps) {
    if (y == row) return;
    y = row;
    const float* const src = plane + std::ptrdiff_t{row} * width;
    for (std::size_t x = 0; x < taps.size(); ++x) {
      const Tap& tap = taps[x];
      values[x] = (1.0F - tap.distance) * src[tap.low] + tap.distance * src[tap.high];
    }
  }
};

}  // namespace

void resize_align_corners(const float* src, std::int64_t num_planes, int src_height, int src_width,
                          float* dst, int dst_height, int dst_width) {
  CHECK(src_height >= 1 && src_width >= 1 && dst_height >= 1 && dst_width >= 1,
        "align-corners resize from {} x {} to {} x {}", src_width, src_height, dst_width,
        dst_height);
  const std::vector<Tap> columns = taps_of(src_width, dst_width);
  const std::vector<Tap> rows = taps_of(src_height, dst_height);
  for (std::int64_t plane = 0; plane < num_planes; ++plane) {
    const float* const values = src + plane * src_height * src_width;
    std::array<Row, 2> held;
    for (Row& row : held) row.values.resize(columns.size());
    for (const Tap& tap : rows) {
      if (held[1].y == tap.low) std::swap(held[0], held[1]);
      held[0].fill(values, src_width, tap.low, columns);
      held[1].fill(values, src_width, tap.high, columns);
      for (std::size_t x = 0; x < columns.size(); ++x) {
        *dst++ = (1.0F - tap.distance) * held[0].values[x] + tap.distance * held[1].values[x];
      }
    }
  }
}

}  // namespace nestor
