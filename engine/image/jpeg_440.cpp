#include "engine/image/internal/jpeg_440.h"

#include <algorithm>
#include <array>

namespace nestor::image {

namespace {

// libjpeg's tables (jdcolor.c): 16 fractional bits, x = sample - 128.
constexpr int kFractionBits = 16;
constexpr int kHalf = 1 << (kFractionBits - 1);

constexpr int fixed(double factor) { return static_cast<int>(factor * (1 << kFractionBits) + 0.5); }

struct ColourTables {
  std::array<int, 256> cr_red{}, cb_blue{}, cr_green{}, cb_green{};

  constexpr ColourTables() {
    for (int i = 0; i < 256; ++i) {
      const int x = i - 128;
      const auto at = static_cast<std::size_t>(i);
      cr_red[at] = (fixed(1.40200) * x + kHalf) >> kFractionBits;
      cb_blue[at] = (fixed(1.77200) * x + kHalf) >> kFractionBits;
      cr_green[at] = -fixed(0.71414) * x;
      cb_green[at] = -fixed(0.34414) * x + kHalf;
    }
  }
};

constexpr ColourTables kTables;

std::uint8_t clip(int level) { return static_cast<std::uint8_t>(std::clamp(level, 0, 255)); }

// Row y of the picture. A half-height row is three parts its own and one part the next-nearest,
// which beyond the edge is the row itself.
void upsample_row(const JpegPlane& plane, int y, std::span<std::uint8_t> dst) {
  const auto row = [&](int i) { return plane.samples.data() + std::ptrdiff_t{i} * plane.stride; };
  if (!plane.half_height) {
    std::copy_n(row(y), dst.size(), dst.begin());
    return;
  }
  const int near_idx = y / 2;
  const int far_idx = std::clamp(near_idx + (y % 2 == 0 ? -1 : 1), 0, plane.num_rows - 1);
  const std::uint8_t* const near_row = row(near_idx);
  const std::uint8_t* const far_row = row(far_idx);
  for (std::size_t x = 0; x < dst.size(); ++x) {
    dst[x] = static_cast<std::uint8_t>((3 * near_row[x] + far_row[x] + 1) >> 2);
  }
}

}  // namespace

void convert_440(std::span<const JpegPlane, 3> planes, Image& image) {
  const auto width = static_cast<std::size_t>(image.width);
  std::array<std::vector<std::uint8_t>, 3> rows;
  for (auto& row : rows) row.resize(width);
  std::uint8_t* pixel = image.rgb.data();
  for (int y = 0; y < image.height; ++y) {
    for (std::size_t c = 0; c < 3; ++c) upsample_row(planes[c], y, rows[c]);
    for (std::size_t x = 0; x < width; ++x, pixel += 3) {
      const int luma = rows[0][x];
      const std::size_t cb = rows[1][x], cr = rows[2][x];
      pixel[0] = clip(luma + kTables.cr_red[cr]);
      pixel[1] = clip(luma + ((kTables.cb_green[cb] + kTables.cr_green[cr]) >> kFractionBits));
      pixel[2] = clip(luma + kTables.cb_blue[cb]);
    }
  }
}

}  // namespace nestor::image
