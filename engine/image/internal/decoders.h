#pragma once
// What decode.cpp and the decoders of single formats share.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "nestor/decode.h"

namespace nestor::image {

struct Source {
  std::span<const std::byte> bytes;
  const std::string& name;  // for messages
  const DecodeOptions& options;

  const unsigned char* data() const { return reinterpret_cast<const unsigned char*>(bytes.data()); }
};

// A black image of this size, which a file's header announces. Throws where the options forbid the
// size, so that nothing of a hostile size is ever allocated; and, unless lenient, where so small a
// file cannot hold so many pixels. `pixels_per_byte` is the best that the format can do.
Image allocate(const Source& source, std::int64_t width, std::int64_t height,
               std::uint64_t pixels_per_byte);

// Refuses the file, or with `lenient` notes in `decoded` what was passed over.
void refuse_unless_lenient(const Source& source, DecodedImage& decoded, std::string_view reason);

// The orientation that a TIFF structure (EXIF without its "Exif\0\0") states; 1 where it states
// none.
int exif_orientation(std::span<const unsigned char> tiff);

DecodedImage decode_jpeg(const Source& source);
DecodedImage decode_png(const Source& source);
DecodedImage decode_pnm(const Source& source);
DecodedImage decode_with_stb(const Source& source, const char* format);  // BMP, TGA and GIF

// Whether the bytes could be a TGA file, which has no signature.
bool looks_like_tga(std::span<const std::byte> bytes);

}  // namespace nestor::image
