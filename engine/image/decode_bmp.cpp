// BMP. Not by a library: none yields the levels of both Pillow and OpenCV, which differ for 16 bits
// a pixel and for bit fields, and stb_image takes colours that a short palette lacks from memory
// that nobody wrote.

#include <algorithm>
#include <bit>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/bmp.h"

namespace nestor::image {

namespace {

constexpr std::uint64_t kPixelsPerRunByte = 128;  // 255 in two bytes

// Where red, green and blue are in a pixel of 16, 24 or 32 bits.
struct Layout {
  std::array<unsigned, 3> shift{};
  std::array<unsigned, 3> bits{};
};

// A field of the picture's levels: OpenCV fills the missing bits with zeros, Pillow scales.
std::uint8_t level(std::uint32_t pixel, unsigned shift, unsigned bits,
                   DecoderConvention convention) {
  const std::uint32_t largest = (1U << bits) - 1;
  const std::uint32_t field = pixel >> shift & largest;
  if (bits == 8) return static_cast<std::uint8_t>(field);
  return static_cast<std::uint8_t>(convention == DecoderConvention::kMxnet ? field << (8 - bits)
                                                                           : field * 255 / largest);
}

// Bit fields of 32 bits. OpenCV ignores those behind a header of 40 bytes.
Layout masked_32(const Source& source, const BmpHeader& header) {
  Layout layout{.shift = {16, 8, 0}, .bits = {8, 8, 8}};
  const auto& masks = header.masks;
  const bool all_empty = std::ranges::count(masks, 0U) == 4;
  const bool mxnet = source.options.convention == DecoderConvention::kMxnet;
  if (all_empty ||
      (mxnet && (header.header_bytes < 56 || masks[0] == 0 || masks[1] == 0 || masks[2] == 0))) {
    return layout;
  }
  for (std::size_t c = 0; c < 3; ++c) {
    const auto width = static_cast<unsigned>(std::popcount(masks[c]));
    layout.shift[c] = static_cast<unsigned>(std::countr_zero(masks[c]));
    const bool whole_byte =
        width == 8 && layout.shift[c] % 8 == 0 && masks[c] == 0xFFU << layout.shift[c];
    CHECK_AS(
        kBadInput, whole_byte,
        "{}: a bmp file with bit fields {:#x}, {:#x}, {:#x}; with 32 bits a pixel Nestor reads "
        "those of whole bytes",
        source.name, masks[0], masks[1], masks[2]);
  }
  return layout;
}

Layout layout_of(const Source& source, const BmpHeader& header) {
  const bool fields = header.compression == BmpCompression::kBitFields;
  if (header.bits == 32 && fields) return masked_32(source, header);
  if (header.bits != 16) {
    const std::array<std::uint32_t, 3> masks = {header.masks[0], header.masks[1], header.masks[2]};
    CHECK_AS(kBadInput, !fields || masks == (std::array<std::uint32_t, 3>{0xFF0000, 0xFF00, 0xFF}),
             "{}: a bmp file of 24 bits a pixel with bit fields of another order", source.name);
    return {.shift = {16, 8, 0}, .bits = {8, 8, 8}};
  }
  if (!fields) return {.shift = {10, 5, 0}, .bits = {5, 5, 5}};
  const std::array<std::uint32_t, 3> masks = {header.masks[0], header.masks[1], header.masks[2]};
  if (masks == std::array<std::uint32_t, 3>{0x7C00, 0x3E0, 0x1F}) {
    return {.shift = {10, 5, 0}, .bits = {5, 5, 5}};
  }
  CHECK_AS(kBadInput, masks == (std::array<std::uint32_t, 3>{0xF800, 0x7E0, 0x1F}),
           "{}: a bmp file with bit fields {:#x}, {:#x}, {:#x}; with 16 bits a pixel Nestor reads "
           "5, 5, 5 and 5, 6, 5",
           source.name, masks[0], masks[1], masks[2]);
  return {.shift = {11, 5, 0}, .bits = {5, 6, 5}};
}

// The row of the picture that the file's row `y` is.
std::uint8_t* row_at(Image& image, const BmpHeader& header, std::size_t y) {
  const auto height = static_cast<std::size_t>(image.height);
  const std::size_t row = header.top_down ? y : height - 1 - y;
  return image.rgb.data() + row * static_cast<std::size_t>(image.width) * 3;
}

void unpack_indices(const unsigned char* src, const BmpHeader& header,
                    std::span<std::uint8_t> dst) {
  const unsigned mask = (1U << header.bits) - 1;
  const unsigned per_byte = 8 / header.bits;
  for (std::size_t x = 0; x < dst.size() / 3; ++x) {
    const unsigned shift = (per_byte - 1 - x % per_byte) * header.bits;
    std::ranges::copy(header.palette[src[x / per_byte] >> shift & mask],
                      dst.begin() + static_cast<std::ptrdiff_t>(3 * x));
  }
}

void unpack_levels(const unsigned char* src, unsigned bits, const Layout& layout,
                   DecoderConvention convention, std::span<std::uint8_t> dst) {
  for (std::size_t i = 0; i < dst.size(); i += 3) {
    std::uint32_t pixel = 0;
    for (unsigned b = 0; b < bits; b += 8) pixel |= static_cast<std::uint32_t>(*src++) << b;
    for (std::size_t c = 0; c < 3; ++c) {
      dst[i + c] = level(pixel, layout.shift[c], layout.bits[c], convention);
    }
  }
}

// Rows are padded to words of four bytes; the last one's padding may be missing.
void read_rows(const Source& source, const BmpHeader& header, DecodedImage& decoded) {
  const bool indexed = header.bits <= 8;
  const Layout layout = indexed ? Layout{} : layout_of(source, header);
  Image& image = decoded.image;
  const std::size_t row_bits = static_cast<std::size_t>(image.width) * header.bits;
  const std::size_t row_bytes = (row_bits + 7) / 8, stride = (row_bits + 31) / 32 * 4;
  const auto pixels = source.bytes.subspan(header.pixels_offset);
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    if (pixels.size() < y * stride + row_bytes) {
      refuse_unless_lenient(source, decoded, "the bmp file ends early");
      return;
    }
    const auto* src = reinterpret_cast<const unsigned char*>(pixels.data()) + y * stride;
    const std::span dst(row_at(image, header, y), static_cast<std::size_t>(image.width) * 3);
    if (indexed) {
      unpack_indices(src, header, dst);
    } else {
      unpack_levels(src, header.bits, layout, source.options.convention, dst);
    }
  }
}

void read_runs(const Source& source, const BmpHeader& header, DecodedImage& decoded) {
  const auto codes = source.bytes.subspan(header.pixels_offset);
  const BmpIndices indices =
      decode_bmp_runs({reinterpret_cast<const unsigned char*>(codes.data()), codes.size()}, header,
                      source.options.convention);
  if (!indices.complete) refuse_unless_lenient(source, decoded, "the bmp file ends early");
  const auto width = static_cast<std::size_t>(header.width);
  for (std::size_t y = 0; y < static_cast<std::size_t>(header.height); ++y) {
    std::uint8_t* dst = row_at(decoded.image, header, y);
    for (std::size_t x = 0; x < width; ++x) {
      dst = std::ranges::copy(header.palette[indices.values[y * width + x]], dst).out;
    }
  }
}

}  // namespace

DecodedImage decode_bmp(const Source& source) {
  const BmpHeader header = read_bmp_header(source);
  const bool runs =
      header.compression == BmpCompression::kRle8 || header.compression == BmpCompression::kRle4;
  const std::uint64_t pixels_per_byte = runs ? kPixelsPerRunByte : std::max(8 / header.bits, 1U);
  DecodedImage decoded{
      .image = allocate(source, header.width, header.height, pixels_per_byte,
                        CheckedSize(header.width) * header.height * (runs ? 1 : 0)),
      .format = "bmp"};
  if (runs) {
    read_runs(source, header, decoded);
  } else {
    read_rows(source, header, decoded);
  }
  return decoded;
}

}  // namespace nestor::image
