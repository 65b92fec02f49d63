// The run-length codes of BMP (RLE8, RLE4). Two bytes each: a count and a value; or 0 and
// 0 end of line, 1 end of picture, 2 a jump by the next two bytes, n >= 3 that many single values.
//
// Some writers pad rows. A run that leaves its row is cut there, and more runs in that row are
// passed over. One that begins at the row's end is passed over by Pillow; OpenCV takes it for the
// beginning of the next row.

#include <algorithm>

#include "engine/image/internal/bmp.h"

namespace nestor::image {

namespace {

class Runs {
 public:
  Runs(std::span<const unsigned char> codes, const BmpHeader& header, DecoderConvention convention)
      : rest_(codes),
        wraps_(convention == DecoderConvention::kMxnet),
        nibbles_(header.compression == BmpCompression::kRle4),
        width_(static_cast<std::size_t>(header.width)),
        values_(width_ * static_cast<std::size_t>(header.height)) {}

  BmpIndices decode() {
    while (position_ < values_.size()) {
      const auto code = take(2);
      if (code.size() < 2) return {std::move(values_), false};
      if (code[0] > 0) {
        run(code[0], code[1]);
      } else if (code[1] == 0) {
        end_line();
      } else if (code[1] == 1) {
        break;
      } else if (code[1] == 2 ? !jump() : !literal(code[1])) {
        return {std::move(values_), false};
      }
    }
    // A picture may end before its last pixel, but not after codes that were passed over.
    const bool complete = position_ == values_.size() || !passed_over_;
    return {std::move(values_), complete};
  }

 private:
  std::span<const unsigned char> take(std::size_t count) {
    const auto bytes = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(bytes.size());
    return bytes;
  }

  void put(unsigned value) {
    if (position_ < values_.size()) values_[position_++] = static_cast<std::uint8_t>(value);
  }

  void begin_row_if_full() {
    if (wraps_ && x_ == width_ && !left_row_) x_ = 0;
  }

  void run(std::size_t count, unsigned value) {
    begin_row_if_full();
    const std::size_t fitting = std::min(count, width_ - std::min(x_, width_));
    for (std::size_t i = 0; i < fitting; ++i) {
      put(!nibbles_ ? value : i % 2 == 0 ? value >> 4 : value & 15);
    }
    x_ += fitting;
    left_row_ = left_row_ || fitting < count;
    passed_over_ = passed_over_ || fitting < count;
  }

  // Each literal takes whole words.
  bool literal(std::size_t count) {
    begin_row_if_full();
    const std::size_t num_bytes = nibbles_ ? (count + 1) / 2 : count;
    const auto bytes = take(num_bytes);
    for (std::size_t i = 0; i < std::min(count, nibbles_ ? bytes.size() * 2 : bytes.size()); ++i) {
      put(!nibbles_ ? bytes[i] : i % 2 == 0 ? bytes[i / 2] >> 4 : bytes[i / 2] & 15U);
    }
    take(num_bytes % 2);
    x_ += count;
    left_row_ = left_row_ || x_ > width_;
    return bytes.size() == num_bytes;
  }

  void end_line() {
    const bool begun = x_ > 0;
    if (!begun || position_ % width_ != 0) advance(width_ - position_ % width_);
    x_ = 0;
    left_row_ = false;
  }

  bool jump() {
    const auto distance = take(2);
    if (distance.size() < 2) return false;
    begin_row_if_full();
    advance(distance[0] + distance[1] * width_);
    x_ = position_ % width_;
    return true;
  }

  void advance(std::size_t count) { position_ += std::min(count, values_.size() - position_); }

  std::span<const unsigned char> rest_;
  const bool wraps_;
  const bool nibbles_;
  const std::size_t width_;
  std::vector<std::uint8_t> values_;
  std::size_t position_ = 0;  // of the next value
  std::size_t x_ = 0;         // values of this row so far; the width at a row's end
  bool left_row_ = false;     // a code of this row went beyond its end
  bool passed_over_ = false;  // one of any row
};

}  // namespace

BmpIndices decode_bmp_runs(std::span<const unsigned char> codes, const BmpHeader& header,
                           DecoderConvention convention) {
  return Runs(codes, header, convention).decode();
}

}  // namespace nestor::image
