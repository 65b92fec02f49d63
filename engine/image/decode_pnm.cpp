// Binary PGM and PPM (P5, P6). Not by stb_image, which ignores the header's largest value.

#include <string_view>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/decoders.h"

namespace nestor::image {

namespace {

constexpr std::uint32_t kLargestNumber = 1'000'000;  // in a header

// The numbers of the header, between white space and comments.
class HeaderReader {
 public:
  explicit HeaderReader(const Source& source) : source_(source) {}

  std::uint32_t number() {
    skip_space();
    CHECK_AS(kBadInput, is_digit(peek()), "{}: no number at byte {} of the pnm header",
             source_.name, offset_);
    std::uint32_t value = 0;
    for (; is_digit(peek()); ++offset_) {
      value = value * 10 + static_cast<std::uint32_t>(peek() - '0');
      CHECK_AS(kBadInput, value <= kLargestNumber, "{}: a number over {} in the pnm header",
               source_.name, kLargestNumber);
    }
    return value;
  }

  // Where the pixels begin: after one white space character.
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

}  // namespace

DecodedImage decode_pnm(const Source& source) {
  const char kind = static_cast<char>(source.data()[1]);
  CHECK_AS(kBadInput, kind == '5' || kind == '6',
           "{}: a P{} file; of the PNM family Nestor reads the binary P5 and P6", source.name,
           kind);
  HeaderReader header(source);
  const std::uint32_t width = header.number(), height = header.number();
  const std::uint32_t largest = header.number();
  CHECK_AS(kBadInput, largest >= 1 && largest <= 65'535,
           "{}: the largest value is {}, which should be 1 to 65535", source.name, largest);
  DecodedImage decoded{.image = allocate(source, width, height, /*pixels_per_byte=*/1),
                       .format = "pnm"};

  const std::size_t value_bytes = largest > 255 ? 2 : 1;
  const std::size_t channels = kind == '6' ? 3 : 1;
  const std::size_t num_values = decoded.image.rgb.size() / 3 * channels;
  const auto pixels = source.bytes.subspan(header.end());
  if (pixels.size() < num_values * value_bytes) {
    refuse_unless_lenient(
        source, decoded,
        fmt::format("the pnm file ends early: {} x {} pixels take {} bytes, not {}", width, height,
                    num_values * value_bytes, pixels.size()));
  }
  const std::size_t num_present = std::min(num_values, pixels.size() / value_bytes);
  for (std::size_t i = 0; i < num_present; ++i) {
    std::uint32_t value = std::to_integer<std::uint32_t>(pixels[i * value_bytes]);
    if (value_bytes == 2) value = value << 8 | std::to_integer<std::uint32_t>(pixels[i * 2 + 1]);
    const auto level =
        static_cast<std::uint8_t>((std::min(value, largest) * 255 + largest / 2) / largest);
    for (std::size_t c = 0; c < 3 / channels; ++c)
      decoded.image.rgb[i * (3 / channels) + c] = level;
  }
  return decoded;
}

}  // namespace nestor::image
