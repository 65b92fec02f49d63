#pragma once
// What decode.cpp and the decoders of single formats share.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/checked.h"
#include "nestor/decode.h"

namespace nestor::image {

struct Source {
  std::span<const std::byte> bytes;
  const std::string& name;  // for messages
  const DecodeOptions& options;
  DecodeMemory::Lease& memory;  // what this decoding has taken

  const unsigned char* data() const { return reinterpret_cast<const unsigned char*>(bytes.data()); }
};

// A black image of this size, which a file's header announces. Throws if the options forbid the
// size, so that nothing of a hostile size is ever allocated; and, unless lenient, if so small a
// file cannot hold so many pixels. `pixels_per_byte` is the best that the format can do,
// `working_bytes` the memory that its decoder needs besides the image: it is counted here, too.
Image allocate(const Source& source, std::int64_t width, std::int64_t height,
               std::uint64_t pixels_per_byte, CheckedSize working_bytes = 0);

// The end of a refusal's message.
inline constexpr const char* kLenientHint = " (--lenient takes what can be read)";

// Refuses the file, or with `lenient` notes in `decoded` what was passed over.
void refuse_unless_lenient(const Source& source, DecodedImage& decoded, std::string_view reason);

// The orientation that a TIFF structure (EXIF without its "Exif\0\0") states; 1 if it states none.
int exif_orientation(std::span<const unsigned char> tiff);

// The picture as it is meant to be seen, for an EXIF orientation.
Image oriented(const Image& image, int orientation);

DecodedImage decode_jpeg(const Source& source);
DecodedImage decode_png(const Source& source);
DecodedImage decode_webp(const Source& source);
DecodedImage decode_bmp(const Source& source);
DecodedImage decode_gif(const Source& source);
DecodedImage decode_pnm(const Source& source);
DecodedImage decode_tga(const Source& source);

// Whether the bytes could be a TGA file, which has no signature.
bool looks_like_tga(std::span<const std::byte> bytes);

}  // namespace nestor::image
