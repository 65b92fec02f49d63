// OpenCV 3.4's INTER_NEAREST, INTER_LINEAR and INTER_CUBIC on uint8: fixed-point weights of 11
// bits, no antialiasing. One pass along x makes wide rows of sums, which are kept for the next
// output rows; a second combines them along y.

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "engine/image/internal/target.h"

namespace nestor {

namespace {

using image::row_of;

constexpr int kWeightBits = 11;
constexpr float kOne = 1 << kWeightBits;

struct Position {
  int left;        // the tap at or left of the position
  float distance;  // from it
};

// Rounded to float32 before the floor, as OpenCV does.
Position position(int src_size, int dst_size, int i) {
  const double scale = 1.0 / (static_cast<double>(dst_size) / src_size);
  const auto exact = static_cast<float>((i + 0.5) * scale - 0.5);
  const float left = std::floor(exact);
  return {static_cast<int>(left), exact - left};
}

int fixed_point(float weight) { return static_cast<int>(std::nearbyint(weight * kOne)); }

template <std::size_t kNumTaps>
struct Taps {
  std::array<int, kNumTaps> idx;  // columns or rows of the source
  std::array<int, kNumTaps> weight;
};

// The wide rows of the taps of one output row, computed once each: consecutive source rows have
// different places.
template <class Value, std::size_t kNumTaps>
class WideRows {
 public:
  explicit WideRows(std::size_t num_values) {
    for (auto& row : rows_) row.resize(num_values);
    held_.fill(-1);
  }

  template <class Compute>
  const Value* row(int y, const Compute& compute) {
    const auto place = static_cast<std::size_t>(y) % kNumTaps;
    if (held_[place] != y) {
      compute(y, rows_[place].data());
      held_[place] = y;
    }
    return rows_[place].data();
  }

 private:
  std::array<std::vector<Value>, kNumTaps> rows_;
  std::array<int, kNumTaps> held_{};
};

// --- linear -----------------------------------------------------------------------------------

// Along x a position outside the picture takes the edge pixel alone.
Taps<2> linear_columns(int src_size, int dst_size, int i) {
  auto [left, distance] = position(src_size, dst_size, i);
  if (left < 0 || left >= src_size - 1) distance = 0;
  left = std::clamp(left, 0, src_size - 1);
  return {{left, std::min(left + 1, src_size - 1)},
          {fixed_point(1.0F - distance), fixed_point(distance)}};
}

// Along y both taps stay, with their weights rounded separately.
Taps<2> linear_rows(int src_size, int dst_size, int i) {
  const auto [top, distance] = position(src_size, dst_size, i);
  return {{std::clamp(top, 0, src_size - 1), std::clamp(top + 1, 0, src_size - 1)},
          {fixed_point(1.0F - distance), fixed_point(distance)}};
}

Image resize_linear(const Image& image, const ResizeTarget& target) {
  const Window& window = target.window;
  Image result = image::blank(window.width, window.height);
  std::vector<Taps<2>> columns;
  for (int x = 0; x < window.width; ++x) {
    columns.push_back(linear_columns(image.width, target.width, window.x + x));
  }
  const std::size_t num_values = columns.size() * 3;
  const auto along_x = [&](int y, std::int16_t* dst) {
    const std::uint8_t* const src = row_of(image, y);
    for (const Taps<2>& taps : columns) {
      const std::uint8_t* const left = src + std::ptrdiff_t{taps.idx[0]} * 3;
      const std::uint8_t* const right = src + std::ptrdiff_t{taps.idx[1]} * 3;
      for (int c = 0; c < 3; ++c) {
        *dst++ =
            static_cast<std::int16_t>((left[c] * taps.weight[0] + right[c] * taps.weight[1]) >> 4);
      }
    }
  };
  WideRows<std::int16_t, 2> wide(num_values);
  for (int y = 0; y < window.height; ++y) {
    const Taps<2> taps = linear_rows(image.height, target.height, window.y + y);
    const std::int16_t* const top = wide.row(taps.idx[0], along_x);
    const std::int16_t* const bottom = wide.row(taps.idx[1], along_x);
    const auto top_weight = static_cast<std::int16_t>(taps.weight[0]);
    const auto bottom_weight = static_cast<std::int16_t>(taps.weight[1]);
    std::uint8_t* const dst = row_of(result, y);
    for (std::size_t i = 0; i < num_values; ++i) {
      const int sum = ((top_weight * top[i]) >> 16) + ((bottom_weight * bottom[i]) >> 16);
      dst[i] = static_cast<std::uint8_t>((sum + 2) >> 2);
    }
  }
  return result;
}

// --- cubic ------------------------------------------------------------------------------------

// a = -0.75; edge pixels repeat.
Taps<4> cubic_taps(int src_size, int dst_size, int i) {
  const auto [left, f] = position(src_size, dst_size, i);
  constexpr float kA = -0.75F;
  const float g = 1.0F - f;
  const float w0 =
      ((kA * (f + 1.0F) - 5.0F * kA) * (f + 1.0F) + 8.0F * kA) * (f + 1.0F) - 4.0F * kA;
  const float w1 = ((kA + 2.0F) * f - (kA + 3.0F)) * f * f + 1.0F;
  const float w2 = ((kA + 2.0F) * g - (kA + 3.0F)) * g * g + 1.0F;
  const std::array<float, 4> weights = {w0, w1, w2, 1.0F - w0 - w1 - w2};
  Taps<4> taps;
  for (std::size_t k = 0; k < 4; ++k) {
    taps.idx[k] = std::clamp(left + static_cast<int>(k) - 1, 0, src_size - 1);
    taps.weight[k] = fixed_point(weights[k]);
  }
  return taps;
}

// The nearest integer, ties to even, for |value| < 2^22; unlike nearbyint it vectorises.
float round_to_even(float value) {
  constexpr float kMagic = 12'582'912.0F;  // 1.5 * 2^23: no bits are left for a fraction
  return (value + kMagic) - kMagic;
}

// Whole groups of eight values of a row of the full result are combined in float32, the rest in
// integers, which round halves up: what OpenCV's vector code does and leaves.
void combine_cubic(const std::array<const int*, 4>& rows, const std::array<int, 4>& weights,
                   std::size_t num_float, std::size_t num_values, std::uint8_t* dst) {
  std::array<float, 4> w;
  for (std::size_t k = 0; k < 4; ++k) w[k] = static_cast<float>(weights[k]) * 0x1p-22F;
  for (std::size_t i = 0; i < num_float; ++i) {
    const float sum = static_cast<float>(rows[0][i]) * w[0] +
                      static_cast<float>(rows[1][i]) * w[1] +
                      static_cast<float>(rows[2][i]) * w[2] + static_cast<float>(rows[3][i]) * w[3];
    dst[i] = static_cast<std::uint8_t>(std::clamp(round_to_even(sum), 0.0F, 255.0F));
  }
  for (std::size_t i = num_float; i < num_values; ++i) {
    std::int64_t sum = 1 << 21;
    for (std::size_t k = 0; k < 4; ++k) sum += std::int64_t{rows[k][i]} * weights[k];
    dst[i] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(sum >> 22, 0, 255));
  }
}

Image resize_cubic(const Image& image, const ResizeTarget& target) {
  const Window& window = target.window;
  Image result = image::blank(window.width, window.height);
  std::vector<Taps<4>> columns;
  for (int x = 0; x < window.width; ++x) {
    columns.push_back(cubic_taps(image.width, target.width, window.x + x));
  }
  const auto along_x = [&](int y, int* dst) {
    const std::uint8_t* const src = row_of(image, y);
    for (const Taps<4>& taps : columns) {
      for (int c = 0; c < 3; ++c) {
        int sum = 0;
        for (std::size_t k = 0; k < 4; ++k) {
          sum += src[std::ptrdiff_t{taps.idx[k]} * 3 + c] * taps.weight[k];
        }
        *dst++ = sum;
      }
    }
  };
  const std::int64_t whole_groups = std::int64_t{target.width} * 3 / 8 * 8;
  const std::int64_t num_values = std::int64_t{window.width} * 3;
  const auto num_float = static_cast<std::size_t>(
      std::clamp<std::int64_t>(whole_groups - std::int64_t{window.x} * 3, 0, num_values));
  WideRows<int, 4> wide(static_cast<std::size_t>(num_values));
  for (int y = 0; y < window.height; ++y) {
    const Taps<4> taps = cubic_taps(image.height, target.height, window.y + y);
    std::array<const int*, 4> rows;
    for (std::size_t k = 0; k < 4; ++k) rows[k] = wide.row(taps.idx[k], along_x);
    combine_cubic(rows, taps.weight, num_float, static_cast<std::size_t>(num_values),
                  row_of(result, y));
  }
  return result;
}

// --- nearest ----------------------------------------------------------------------------------

std::vector<int> nearest(int src_size, int dst_size, int first, int count) {
  const double scale = 1.0 / (static_cast<double>(dst_size) / src_size);
  std::vector<int> idx;
  for (int i = first; i < first + count; ++i) {
    idx.push_back(std::min(static_cast<int>(std::floor(i * scale)), src_size - 1));
  }
  return idx;
}

}  // namespace

Image resize_opencv(const Image& image, const ResizeTarget& target, Interpolation interpolation) {
  image::check_target(image, target);
  const Window& window = target.window;
  switch (interpolation) {
    case Interpolation::kBilinear: return resize_linear(image, target);
    case Interpolation::kBicubic: return resize_cubic(image, target);
    case Interpolation::kNearest: break;
  }
  return image::pick(image, nearest(image.width, target.width, window.x, window.width),
                     nearest(image.height, target.height, window.y, window.height));
}

}  // namespace nestor
