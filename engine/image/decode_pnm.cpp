// PBM, PGM and PPM, plain and binary (P1 to P6). Pillow scales values to their largest (and clips
// grey of 16 bits, as it does with PNG), OpenCV scales the plain ones only and takes the upper byte
// of 16 bits.

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/decoders.h"

namespace nestor::image {

namespace {

constexpr std::uint32_t kLargestNumber = 1'000'000;  // in a header

// Numbers between white space and comments.
class TextReader {
 public:
  explicit TextReader(const Source& source) : source_(source) {}

  // Nothing at the end of the file.
  std::optional<std::uint32_t> next() {
    skip_space();
    if (peek() < 0) return std::nullopt;
    CHECK_AS(kBadInput, is_digit(peek()), "{}: no number at byte {} of the pnm file", source_.name,
             offset_);
    std::uint32_t value = 0;
    for (; is_digit(peek()); ++offset_) {
      value = value * 10 + static_cast<std::uint32_t>(peek() - '0');
      CHECK_AS(kBadInput, value <= kLargestNumber, "{}: a number over {} in the pnm file",
               source_.name, kLargestNumber);
    }
    return value;
  }

  std::uint32_t number() {
    const std::optional<std::uint32_t> value = next();
    CHECK_AS(kBadInput, value, "{}: the pnm file ends early, in its header", source_.name);
    return *value;
  }

  // The digit of a plain bitmap, which may have no space after it.
  std::optional<bool> bit() {
    skip_space();
    if (peek() < 0) return std::nullopt;
    CHECK_AS(kBadInput, peek() == '0' || peek() == '1', "{}: no 0 or 1 at byte {} of the pnm file",
             source_.name, offset_);
    return source_.data()[offset_++] == '1';
  }

  // Where binary pixels begin: after one white space character.
  std::size_t end() {
    CHECK_AS(kBadInput, is_space(peek()), "{}: no white space after the pnm header", source_.name);
    return offset_ + 1;
  }

 private:
  static bool is_digit(int c) { return c >= '0' && c <= '9'; }
  static bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
  int peek() const { return offset_ < source_.bytes.size() ? source_.data()[offset_] : -1; }

  void skip_space() {
    while (is_space(peek()) || peek() == '#') {
      if (peek() == '#') {
        while (peek() >= 0 && peek() != '\n' && peek() != '\r') ++offset_;
      } else {
        ++offset_;
      }
    }
  }

  const Source& source_;
  std::size_t offset_ = 2;
};

struct Kind {
  bool bitmap, grey, plain;
};

Kind kind_of(char digit) {
  const int kind = digit - '0';
  return {.bitmap = kind % 3 == 1, .grey = kind % 3 == 2, .plain = kind <= 3};
}

// A value's level in the picture.
std::uint8_t level_of(std::uint32_t value, std::uint32_t largest, const Kind& kind,
                      DecoderConvention convention) {
  if (convention == DecoderConvention::kMxnet) {
    if (largest > 255) return static_cast<std::uint8_t>(value >> 8);
    return static_cast<std::uint8_t>(kind.plain ? value * 255 / largest : value);
  }
  const double full = largest > 255 && kind.grey ? 65'535 : 255;
  // Halves go to the even neighbour.
  return static_cast<std::uint8_t>(std::min(std::nearbyint(double(value) / largest * full), 255.0));
}

// The values in their order, until `put` has had all of them or the file ends. Whether all came.
bool read_plain(const Source& source, TextReader& text, std::uint32_t largest,
                std::size_t num_values, auto put) {
  for (std::size_t i = 0; i < num_values; ++i) {
    std::optional<std::uint32_t> value = text.next();
    if (!value) return false;
    CHECK_AS(kBadInput, *value <= largest || source.options.convention == DecoderConvention::kMxnet,
             "{}: a value of {} in the pnm file, of which the largest should be {}", source.name,
             *value, largest);
    put(std::min(*value, largest));
  }
  return true;
}

bool read_binary(std::span<const std::byte> bytes, std::size_t value_bytes, std::size_t num_values,
                 auto put) {
  const std::size_t num_there = std::min(num_values, bytes.size() / value_bytes);
  for (std::size_t i = 0; i < num_there; ++i) {
    std::uint32_t value = std::to_integer<std::uint32_t>(bytes[i * value_bytes]);
    if (value_bytes == 2) value = value << 8 | std::to_integer<std::uint32_t>(bytes[i * 2 + 1]);
    put(value);
  }
  return num_there == num_values;
}

// 1 is black.
bool read_bitmap(const Source& source, TextReader& text, bool plain, Image& image) {
  const auto width = static_cast<std::size_t>(image.width);
  std::uint8_t* dst = image.rgb.data();
  const auto put = [&](bool black) { dst = std::fill_n(dst, 3, black ? 0 : 255); };
  const auto rows = plain ? std::span<const std::byte>() : source.bytes.subspan(text.end());
  const std::size_t row_bytes = (width + 7) / 8;
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    if (!plain && rows.size() < (y + 1) * row_bytes) return false;
    for (std::size_t x = 0; x < width; ++x) {
      const auto black =
          plain ? text.bit()
                : std::optional(
                      (std::to_integer<unsigned>(rows[y * row_bytes + x / 8]) >> (7 - x % 8) & 1) !=
                      0);
      if (!black) return false;
      put(*black);
    }
  }
  return true;
}

bool read_levels(const Source& source, TextReader& text, const Kind& kind, std::uint32_t largest,
                 Image& image) {
  const std::size_t copies = kind.grey ? 3 : 1;
  std::uint8_t* dst = image.rgb.data();
  const auto put = [&](std::uint32_t value) {
    dst = std::fill_n(dst, copies, level_of(value, largest, kind, source.options.convention));
  };
  const std::size_t num_values = image.rgb.size() / copies;
  if (kind.plain) return read_plain(source, text, largest, num_values, put);
  return read_binary(source.bytes.subspan(text.end()), largest > 255 ? 2 : 1, num_values, put);
}

}  // namespace

DecodedImage decode_pnm(const Source& source) {
  const char digit = static_cast<char>(source.data()[1]);
  CHECK_AS(kBadInput, digit >= '1' && digit <= '6',
           "{}: a P{} file; of the PNM family Nestor reads P1 to P6", source.name, digit);
  const Kind kind = kind_of(digit);
  TextReader text(source);
  const std::uint32_t width = text.number(), height = text.number();
  const std::uint32_t largest = kind.bitmap ? 1 : text.number();
  CHECK_AS(kBadInput, largest >= 1 && largest <= 65'535,
           "{}: the largest value is {}, which should be 1 to 65535", source.name, largest);
  const std::uint64_t pixels_per_byte = kind.bitmap && !kind.plain ? 8 : 1;
  DecodedImage decoded{.image = allocate(source, width, height, pixels_per_byte), .format = "pnm"};
  const bool complete = kind.bitmap ? read_bitmap(source, text, kind.plain, decoded.image)
                                    : read_levels(source, text, kind, largest, decoded.image);
  if (!complete) refuse_unless_lenient(source, decoded, "the pnm file ends early");
  return decoded;
}

}  // namespace nestor::image
