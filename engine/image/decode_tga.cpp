// TGA, as Pillow reads it (OpenCV does not). Our own for the reason that BMP is.

#include <algorithm>
#include <optional>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/byte_reader.h"
#include "engine/image/internal/palette.h"

namespace nestor::image {

namespace {

constexpr std::size_t kHeaderBytes = 18;

enum class Kind : std::uint8_t { kIndexed = 1, kColour = 2, kGrey = 3 };

struct Header {
  unsigned id_bytes = 0;
  bool has_palette = false;
  Kind kind{};
  bool run_lengths = false;
  unsigned first_colour = 0, num_colours = 0, colour_bits = 0;
  unsigned width = 0, height = 0, depth = 0;
  bool from_top = false, from_right = false;
};

bool known_depth(Kind kind, unsigned depth, bool run_lengths) {
  switch (kind) {
    case Kind::kIndexed: return depth == 8;
    case Kind::kColour: return depth == 16 || depth == 24 || depth == 32;
    case Kind::kGrey: return depth == 8 || depth == 16 || (depth == 1 && !run_lengths);
  }
  return false;
}

// A TGA file has no signature: what its header may say must do.
std::optional<Header> parse(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const auto byte = [&](std::size_t at) { return std::to_integer<unsigned>(bytes[at]); };
  const auto word = [&](std::size_t at) { return byte(at) | byte(at + 1) << 8; };
  if (byte(1) > 1 || (byte(2) & 0xF7) < 1 || (byte(2) & 0xF7) > 3) return std::nullopt;
  Header header{.id_bytes = byte(0),
                .has_palette = byte(1) == 1,
                .kind = static_cast<Kind>(byte(2) & 7),
                .run_lengths = (byte(2) & 8) != 0,
                .first_colour = word(3),
                .num_colours = word(5),
                .colour_bits = byte(7),
                .width = word(12),
                .height = word(14),
                .depth = byte(16),
                .from_top = (byte(17) & 0x20) != 0,
                .from_right = (byte(17) & 0x10) != 0};
  const bool palette_fits = !header.has_palette || header.colour_bits == 16 ||
                            header.colour_bits == 24 || header.colour_bits == 32;
  if (header.width == 0 || header.height == 0 || !palette_fits ||
      (header.kind == Kind::kIndexed && !header.has_palette) ||
      !known_depth(header.kind, header.depth, header.run_lengths)) {
    return std::nullopt;
  }
  return header;
}

Colour colour_of(const unsigned char* bytes, unsigned bits) {
  if (bits > 16) return {bytes[2], bytes[1], bytes[0]};
  const unsigned pixel = bytes[0] | static_cast<unsigned>(bytes[1]) << 8;
  const auto level = [&](unsigned shift) {
    return static_cast<std::uint8_t>((pixel >> shift & 31) * 255 / 31);
  };
  return {level(10), level(5), level(0)};
}

Palette read_palette(const Header& header, ByteReader& reader) {
  Palette palette{};
  if (!header.has_palette) return palette;
  const std::size_t colour_bytes = header.colour_bits / 8;
  const auto bytes = reader.take(header.num_colours * colour_bytes);
  for (std::size_t i = 0; i < header.num_colours; ++i) {
    const std::size_t at = header.first_colour + i;
    if (at >= palette.size()) break;
    palette[at] = colour_of(bytes.data() + i * colour_bytes, header.colour_bits);
  }
  return palette;
}

// The stored pixels in their order, run lengths resolved.
class Pixels {
 public:
  Pixels(const Header& header, std::span<const unsigned char> data)
      : pixel_bytes_(header.depth / 8), run_lengths_(header.run_lengths), rest_(data) {}

  // The next pixel, or nothing at the data's end.
  const unsigned char* next() {
    if (!run_lengths_) return take();
    if (num_left_ == 0) {
      if (rest_.empty()) return nullptr;
      const unsigned packet = rest_[0];
      rest_ = rest_.subspan(1);
      num_left_ = (packet & 127) + 1;
      repeats_ = (packet & 128) != 0;
      if (repeats_) repeated_ = take();
    }
    --num_left_;
    return repeats_ ? repeated_ : take();
  }

 private:
  const unsigned char* take() {
    if (rest_.size() < pixel_bytes_) return nullptr;
    const unsigned char* const pixel = rest_.data();
    rest_ = rest_.subspan(pixel_bytes_);
    return pixel;
  }

  const std::size_t pixel_bytes_;
  const bool run_lengths_;
  std::span<const unsigned char> rest_;
  const unsigned char* repeated_ = nullptr;
  std::size_t num_left_ = 0;  // pixels of this packet
  bool repeats_ = false;
};

Colour colour_of(const unsigned char* pixel, const Header& header, const Palette& palette) {
  switch (header.kind) {
    case Kind::kIndexed: return palette[pixel[0]];
    case Kind::kColour: return colour_of(pixel, header.depth);
    case Kind::kGrey: break;
  }
  return {pixel[0], pixel[0], pixel[0]};  // a second byte is alpha
}

// Of the picture, for the column and the row of the file.
std::uint8_t* pixel_at(Image& image, const Header& header, unsigned x, unsigned y) {
  const unsigned column = header.from_right ? header.width - 1 - x : x;
  const unsigned row = header.from_top ? y : header.height - 1 - y;
  return image.rgb.data() + (std::size_t{row} * header.width + column) * 3;
}

// One bit a pixel, rows padded to bytes. Whether all are there.
bool read_bits(const Header& header, std::span<const unsigned char> data, Image& image) {
  const std::size_t row_bytes = (header.width + 7) / 8;
  for (unsigned y = 0; y < header.height; ++y) {
    if (data.size() < (y + 1) * row_bytes) return false;
    for (unsigned x = 0; x < header.width; ++x) {
      const bool white = (data[y * row_bytes + x / 8] >> (7 - x % 8) & 1) != 0;
      std::fill_n(pixel_at(image, header, x, y), 3, white ? 255 : 0);
    }
  }
  return true;
}

bool read_pixels(const Header& header, const Palette& palette, std::span<const unsigned char> data,
                 Image& image) {
  Pixels pixels(header, data);
  for (unsigned y = 0; y < header.height; ++y) {
    for (unsigned x = 0; x < header.width; ++x) {
      const unsigned char* const pixel = pixels.next();
      if (pixel == nullptr) return false;
      std::ranges::copy(colour_of(pixel, header, palette), pixel_at(image, header, x, y));
    }
  }
  return true;
}

// A run of 128 pixels takes two bytes.
std::uint64_t pixels_per_byte(const Header& header) {
  if (header.run_lengths) return 64;
  return header.depth == 1 ? 8 : 1;
}

}  // namespace

bool looks_like_tga(std::span<const std::byte> bytes) { return parse(bytes).has_value(); }

DecodedImage decode_tga(const Source& source) {
  const Header header = parse(source.bytes).value();
  ByteReader reader(source, "tga");
  reader.skip(kHeaderBytes + header.id_bytes);
  const Palette palette = read_palette(header, reader);
  const auto data = reader.take(reader.num_left());
  DecodedImage decoded{
      .image = allocate(source, header.width, header.height, pixels_per_byte(header)),
      .format = "tga"};
  const bool complete = header.depth == 1 ? read_bits(header, data, decoded.image)
                                          : read_pixels(header, palette, data, decoded.image);
  if (!complete) refuse_unless_lenient(source, decoded, "the tga file ends early");
  return decoded;
}

}  // namespace nestor::image
