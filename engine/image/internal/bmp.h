#pragma once
// A BMP file's header, and the pixels of its run-length codes.

#include <array>
#include <span>
#include <vector>

#include "engine/image/internal/decoders.h"
#include "engine/image/internal/palette.h"

namespace nestor::image {

enum class BmpCompression : std::uint8_t { kNone = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

struct BmpHeader {
  std::uint32_t header_bytes = 0;  // without the 14 bytes of the file header
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  unsigned bits = 0;  // a pixel
  BmpCompression compression = BmpCompression::kNone;
  std::array<std::uint32_t, 4> masks{};  // red, green, blue, alpha; with kBitFields
  Palette palette{};                     // with up to 8 bits
  std::size_t pixels_offset = 0;
};

// Throws kBadInput for headers that are damaged or of a kind that Nestor does not read.
BmpHeader read_bmp_header(const Source& source);

struct BmpIndices {
  std::vector<std::uint8_t> values;  // width * height, in the file's order of rows
  bool complete = true;              // false: the data end before their end code or the last pixel
};

// Run-length codes to indices. Pixels that no code reaches have index 0.
BmpIndices decode_bmp_runs(std::span<const unsigned char> codes, const BmpHeader& header,
                           DecoderConvention convention);

}  // namespace nestor::image
