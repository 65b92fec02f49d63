// PNG by libpng. Colour profiles and gamma are ignored and alpha is dropped, as MXNet and Pillow
// do; for 16-bit grey they differ.

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/decoders.h"
#include "engine/image/png_reader.h"

namespace nestor::image {

namespace {

bool is_grey_16(const PngReader& reader) {
  return reader.bit_depth() == 16 && reader.colour_type() == PNG_COLOR_TYPE_GRAY;
}

int orientation(const PngReader& reader) {
  const std::span<const unsigned char> exif = reader.exif();
  return exif.empty() ? 1 : exif_orientation(exif);
}

// Rows become 8-bit RGB, or with keep_16_bits 16-bit RGB.
bool start(PngReader& reader, bool keep_16_bits) {
  return reader.start([keep_16_bits](png_structp png) {
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    if (!keep_16_bits) png_set_strip_16(png);
  });
}

void read_pixels(const Source& source, PngReader& reader, DecodedImage& decoded,
                 std::uint8_t* pixels, std::size_t stride) {
  CHECK(reader.row_bytes() == stride, "{}: PNG rows of {} bytes, expected {}", source.name,
        reader.row_bytes(), stride);
  if (!reader.read_rows(pixels, stride)) {
    refuse_unless_lenient(source, decoded, reader.message());
  }
}

// Pillow clips 16-bit grey to 255 instead of scaling it.
void read_clipped(const Source& source, PngReader& reader, DecodedImage& decoded) {
  std::vector<std::uint8_t>& rgb = decoded.image.rgb;
  const CheckedSize size_bytes = CheckedSize(rgb.size()) * 2;
  CHECK_AS(kBadInput, size_bytes.at_most(PTRDIFF_MAX), "{}: too many pixels", source.name);
  std::vector<std::uint8_t> wide(size_bytes.value());
  read_pixels(source, reader, decoded, wide.data(),
              static_cast<std::size_t>(decoded.image.width) * 6);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = wide[2 * i] != 0 ? 255 : wide[2 * i + 1];
}

}  // namespace

DecodedImage decode_png(const Source& source) {
  PngReader reader(source.bytes, source.name);
  CHECK_AS(kBadInput, reader.read_header(), "{}: {}", source.name, reader.message());
  const bool clip = source.options.convention == DecoderConvention::kPillow && is_grey_16(reader);
  const CheckedSize wide_bytes = CheckedSize(reader.width()) * reader.height() * (clip ? 6 : 0);
  DecodedImage decoded{.image = allocate(source, reader.width(), reader.height(),
                                         PngReader::kPixelsPerByte, wide_bytes),
                       .format = "png",
                       .orientation = orientation(reader)};
  CHECK_AS(kBadInput, start(reader, clip), "{}: {}", source.name, reader.message());
  if (clip) {
    read_clipped(source, reader, decoded);
  } else {
    read_pixels(source, reader, decoded, decoded.image.rgb.data(),
                static_cast<std::size_t>(decoded.image.width) * 3);
  }
  return decoded;
}

}  // namespace nestor::image
