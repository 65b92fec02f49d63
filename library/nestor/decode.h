#pragma once
// Image files to pixels. What a file is, its content says, not its name: JPEG, PNG, BMP, TGA, PNM,
// GIF (first frame).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nestor/export.h"
#include "nestor/image.h"

namespace nestor {

// Whose pixels to reproduce, bit for bit, where decoders differ (4:4:0 and CMYK JPEG, 16-bit grey
// PNG, damaged files). tests/golden/data has pictures with the pixels of both.
enum class DecoderConvention : std::uint8_t {
  kMxnet,   // MXNet with OpenCV 3.4, as GluonCV reads images
  kPillow,  // Pillow, as timm and the ResNeSt repository read them
};

struct NESTOR_API DecodeOptions {
  DecoderConvention convention = DecoderConvention::kMxnet;
  std::int64_t max_pixels = 178'956'970;  // Pillow's limit; checked in the header, before decoding
  int max_side = 65'535;
  bool lenient = false;  // take what can be read of truncated files, with a warning
};

struct NESTOR_API DecodedImage {
  Image image;
  std::string format;                 // "jpeg", "png", "bmp", "tga", "pnm", "gif"
  int orientation = 1;                // EXIF, 1 to 8; reported, never applied
  std::vector<std::string> warnings;  // what a lenient reading passed over
};

// Throws kBadInput, naming `name` and the reason, for whatever cannot be decoded whole.
NESTOR_API DecodedImage decode_image(std::span<const std::byte> bytes, const std::string& name,
                                     const DecodeOptions& options);

}  // namespace nestor
