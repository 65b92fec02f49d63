// Pillow 13's Image.resize: two passes with weights of 22 bits, rounded to uint8 between them, so
// that their order shows.

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "engine/image/internal/target.h"

namespace nestor {

namespace {

using image::row_of;

constexpr int kWeightBits = 22;

struct Filter {
  double (*weight)(double distance);
  double support;
};

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) { return std::max(1.0 - std::abs(x), 0.0); }

double bicubic(double x) {
  constexpr double kA = -0.5;
  x = std::abs(x);
  if (x < 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * kA;
  return 0.0;
}

double sinc(double x) {
  if (x == 0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0.0; }

Filter filter_of(PillowFilter filter) {
  switch (filter) {
    case PillowFilter::kBox: return {box, 0.5};
    case PillowFilter::kBilinear: return {bilinear, 1.0};
    case PillowFilter::kBicubic: return {bicubic, 2.0};
    default: return {lanczos, 3.0};
  }
}

struct Taps {
  int first = 0;  // source index of weights[0]
  std::vector<int> weights;
};

Taps taps_of(int src_size, int dst_size, const Filter& filter, int i) {
  const double scale = static_cast<double>(src_size) / dst_size;
  const double widening = std::max(scale, 1.0);  // antialiasing when shrinking
  const double support = filter.support * widening;
  const double centre = (i + 0.5) * scale;
  const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
  const int last = std::min(static_cast<int>(centre + support + 0.5), src_size);
  std::vector<double> weights;
  double total = 0;
  for (int k = first; k < last; ++k) {
    weights.push_back(filter.weight((k - centre + 0.5) * (1.0 / widening)));
    total += weights.back();
  }
  Taps taps{first, {}};
  for (double weight : weights) {
    if (total != 0) weight /= total;
    taps.weights.push_back(
        static_cast<int>(std::copysign(0.5, weight) + weight * (1 << kWeightBits)));
  }
  return taps;
}

std::vector<Taps> all_taps(int src_size, int dst_size, const Filter& filter, int first, int count) {
  std::vector<Taps> taps;
  for (int i = first; i < first + count; ++i) {
    taps.push_back(taps_of(src_size, dst_size, filter, i));
  }
  return taps;
}

std::uint8_t level(std::int64_t sum) {
  return static_cast<std::uint8_t>(
      std::clamp<std::int64_t>((sum + (1 << (kWeightBits - 1))) >> kWeightBits, 0, 255));
}

// --- along x ----------------------------------------------------------------------------------
//
// A weight is split as high * 2^15 + low into two int16, so that the compiler multiplies and adds
// pairs of int16 (pmaddwd). |low| <= |weight|, hence no sum of uint8 times low leaves int32.
// Taps come in groups: weights of nothing fill the last one.

constexpr int kSplitBits = 15;
constexpr int kGroup = 8;

struct SplitTaps {
  int first = 0;
  std::vector<std::int16_t> high, low;
};

SplitTaps split(const Taps& taps) {
  const std::size_t padded = (taps.weights.size() + kGroup - 1) / kGroup * kGroup;
  SplitTaps result{taps.first, std::vector<std::int16_t>(padded),
                   std::vector<std::int16_t>(padded)};
  for (std::size_t k = 0; k < taps.weights.size(); ++k) {
    const int weight = taps.weights[k];
    const int high = (weight + (1 << (kSplitBits - 1))) >> kSplitBits;
    result.high[k] = static_cast<std::int16_t>(high);
    result.low[k] = static_cast<std::int16_t>(weight - high * (1 << kSplitBits));
  }
  return result;
}

std::int64_t dot(const std::int16_t* samples, const SplitTaps& taps) {
  std::int32_t high = 0, low = 0;
  const std::size_t num_taps = taps.high.size() / kGroup * kGroup;
  for (std::size_t k = 0; k < num_taps; ++k) {
    high += samples[k] * taps.high[k];
    low += samples[k] * taps.low[k];
  }
  return std::int64_t{high} * (1 << kSplitBits) + low;
}

// Rows [first_row, first_row + num_rows) of the image, filtered to one column for each of `taps`.
Image pass_along_x(const Image& image, const std::vector<Taps>& taps, int first_row, int num_rows) {
  std::vector<SplitTaps> columns;
  for (const Taps& column : taps) columns.push_back(split(column));
  Image result = image::blank(static_cast<int>(taps.size()), num_rows);
  const auto width = static_cast<std::size_t>(image.width);
  std::array<std::vector<std::int16_t>, 3> planes;
  for (auto& plane : planes) plane.resize(width + kGroup);
  for (int y = 0; y < num_rows; ++y) {
    const std::uint8_t* const src = row_of(image, first_row + y);
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < 3; ++c) planes[c][x] = src[3 * x + c];
    }
    std::uint8_t* dst = row_of(result, y);
    for (const SplitTaps& column : columns) {
      for (std::size_t c = 0; c < 3; ++c) {
        *dst++ = level(dot(planes[c].data() + column.first, column));
      }
    }
  }
  return result;
}

// --- along y ----------------------------------------------------------------------------------

// One row for each of `taps`, which count from row `first_row` of the picture that `image` is the
// lower part of; columns [first_column, first_column + num_columns).
Image pass_along_y(const Image& image, const std::vector<Taps>& taps, int first_row,
                   int first_column, int num_columns) {
  Image result = image::blank(num_columns, static_cast<int>(taps.size()));
  std::vector<std::int32_t> sums(static_cast<std::size_t>(num_columns) * 3);
  std::uint8_t* dst = result.rgb.data();
  for (const Taps& row : taps) {
    std::fill(sums.begin(), sums.end(), 1 << (kWeightBits - 1));
    for (std::size_t k = 0; k < row.weights.size(); ++k) {
      const int y = row.first + static_cast<int>(k) - first_row;
      const std::uint8_t* const src = row_of(image, y) + std::ptrdiff_t{first_column} * 3;
      const std::int32_t weight = row.weights[k];
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += src[i] * weight;
    }
    for (const std::int32_t sum : sums) {
      *dst++ = static_cast<std::uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
    }
  }
  return result;
}

// --- nearest ----------------------------------------------------------------------------------

// Pillow adds up the step, rounding errors and all.
std::vector<int> nearest(int src_size, int dst_size, int first, int count) {
  const double step = static_cast<double>(src_size) / dst_size;
  std::vector<int> idx;
  double position = step * 0.5;
  for (int i = 0; i < first + count; ++i, position += step) {
    if (i >= first) idx.push_back(std::min(static_cast<int>(position), src_size - 1));
  }
  return idx;
}

}  // namespace

Image resize_pillow(const Image& image, const ResizeTarget& target, PillowFilter filter) {
  image::check_target(image, target);
  const Window& window = target.window;
  if (filter == PillowFilter::kNearest) {
    return image::pick(image, nearest(image.width, target.width, window.x, window.width),
                       nearest(image.height, target.height, window.y, window.height));
  }
  const auto columns =
      all_taps(image.width, target.width, filter_of(filter), window.x, window.width);
  const auto rows =
      all_taps(image.height, target.height, filter_of(filter), window.y, window.height);
  const std::int64_t lost_width = std::int64_t{image.width} - target.width;
  const std::int64_t lost_height = std::int64_t{image.height} - target.height;
  if (lost_height > 0 && lost_height > 2 * lost_width) {
    const Image narrow = pass_along_y(image, rows, 0, 0, image.width);
    return pass_along_x(narrow, columns, 0, window.height);
  }
  const int first_row = rows.front().first;
  const int num_rows = rows.back().first + static_cast<int>(rows.back().weights.size()) - first_row;
  return pass_along_y(pass_along_x(image, columns, first_row, num_rows), rows, first_row, 0,
                      window.width);
}

}  // namespace nestor
