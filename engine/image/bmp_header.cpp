// Headers of Windows (40, 52, 56, 108 and 124 bytes) and OS/2 (12 and 64 bytes), and the palette.

#include <algorithm>

#include "engine/image/internal/bmp.h"
#include "engine/image/internal/byte_reader.h"

namespace nestor::image {

namespace {

constexpr std::uint32_t kFileHeaderBytes = 14;
constexpr std::uint32_t kOs2Bytes = 12;
constexpr std::uint32_t kWindowsBytes = 40;
constexpr std::uint32_t kKnownSizes[] = {kOs2Bytes, kWindowsBytes, 52, 56, 64, 108, 124};

void check_kind(const Source& source, const BmpHeader& header, std::uint32_t compression) {
  const unsigned bits = header.bits;
  const bool plain = bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
  const bool known = (compression == 0 && plain) || (compression == 1 && bits == 8) ||
                     (compression == 2 && bits == 4) ||
                     (compression == 3 && plain && bits >= 16 && header.header_bytes != 64);
  CHECK_AS(kBadInput, known,
           "{}: a bmp file of {} bits a pixel with compression {}; Nestor reads 1, 4, 8, 16, 24 "
           "and 32 bits, run lengths (1, 2) and bit fields (3)",
           source.name, bits, compression);
}

void read_size(BmpHeader& header, ByteReader& reader) {
  if (header.header_bytes == kOs2Bytes) {
    header.width = reader.word();
    header.height = reader.word();
    return;
  }
  header.width = static_cast<std::int32_t>(reader.dword());
  header.height = static_cast<std::int32_t>(reader.dword());
  header.top_down = header.height < 0;
  if (header.top_down) header.height = -header.height;
}

// The masks follow a header of 40 bytes and belong to a longer one.
void read_masks(BmpHeader& header, ByteReader& reader) {
  reader.seek(kFileHeaderBytes + kWindowsBytes);
  for (std::size_t i = 0; i < 3; ++i) header.masks[i] = reader.dword();
  if (header.header_bytes >= 56) header.masks[3] = reader.dword();
}

// As many colours as are there.
void read_palette(BmpHeader& header, ByteReader& reader, std::size_t count,
                  std::size_t colour_bytes) {
  const auto bytes = reader.take_at_most(count * colour_bytes);
  const std::size_t num_there = std::min(bytes.size() / colour_bytes, header.palette.size());
  for (std::size_t i = 0; i < num_there; ++i) {
    for (std::size_t c = 0; c < 3; ++c) header.palette[i][c] = bytes[i * colour_bytes + 2 - c];
  }
}

}  // namespace

BmpHeader read_bmp_header(const Source& source) {
  ByteReader reader(source, "bmp");
  BmpHeader header;
  reader.skip(10);
  header.pixels_offset = reader.dword();
  header.header_bytes = reader.dword();
  CHECK_AS(kBadInput, std::ranges::count(kKnownSizes, header.header_bytes) == 1,
           "{}: a bmp header of {} bytes, expected {}", source.name, header.header_bytes,
           fmt::join(kKnownSizes, ", "));
  read_size(header, reader);
  reader.skip(2);  // planes
  header.bits = reader.word();
  std::uint32_t compression = 0, num_colours = 0;
  if (header.header_bytes != kOs2Bytes) {
    compression = reader.dword();
    reader.skip(12);  // bytes of the pixels, pixels a metre
    num_colours = reader.dword();
  }
  check_kind(source, header, compression);
  header.compression = static_cast<BmpCompression>(compression);

  reader.seek(kFileHeaderBytes + header.header_bytes);
  if (header.compression == BmpCompression::kBitFields) read_masks(header, reader);
  const std::size_t after_header =
      std::max<std::size_t>(reader.offset(), std::size_t{kFileHeaderBytes} + header.header_bytes);
  if (header.bits <= 8) {
    const std::size_t all = std::size_t{1} << header.bits;
    const std::size_t count = num_colours == 0 ? all : num_colours;
    read_palette(header, reader, count, header.header_bytes == kOs2Bytes ? 3 : 4);
    if (source.options.convention == DecoderConvention::kPillow && header.bits == 8 &&
        is_grey_ramp(header.palette, count)) {
      header.palette = grey_ramp();
    }
    // Some writers name the end of the header, where the palette begins, as that of the pixels.
    if (header.pixels_offset == after_header) header.pixels_offset = 0;
  }
  if (header.pixels_offset == 0) header.pixels_offset = std::max(reader.offset(), after_header);
  CHECK_AS(
      kBadInput,
      header.pixels_offset >= after_header && header.pixels_offset <= source.bytes.size(),
      "{}: bmp pixels at byte {}, between the header's end at {} and the file's at {} expected",
      source.name, header.pixels_offset, after_header, source.bytes.size());
  return header;
}

}  // namespace nestor::image
