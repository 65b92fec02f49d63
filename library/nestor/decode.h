#pragma once
// Image files to pixels: JPEG, PNG, WebP, BMP, TGA, PNM, GIF (the first picture of several). The
// format is detected from the content, not the file name.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nestor/decode_memory.h"
#include "nestor/export.h"
#include "nestor/image.h"

namespace nestor {

// The decoder to reproduce, bit for bit, where decoders differ (4:4:0 and CMYK JPEG, 16-bit grey
// PNG, BMP of 16 bits, PNM of other than 8, damaged files): engine/image/README.md; tests/golden/data
// has pictures with the pixels of both.
enum class DecoderConvention : std::uint8_t {
  kMxnet,   // MXNet with OpenCV 3.4, as GluonCV reads images
  kPillow,  // Pillow, as timm and the ResNeSt repository read them
};

struct NESTOR_API DecodeOptions {
  DecoderConvention convention = DecoderConvention::kMxnet;
  std::int64_t max_pixels = 178'956'970;  // Pillow's limit; checked in the header, before decoding
  int max_side = 65'535;
  bool lenient = false;            // use the readable part of truncated files, with a warning
  bool apply_orientation = false;  // turn and mirror the picture as EXIF says; no framework does
  // Memory that all decoding with the same budget may use at once; null: the process's budget.
  std::shared_ptr<DecodeMemory> memory;
};

struct NESTOR_API DecodedImage {
  Image image;
  std::string format;                 // "jpeg", "png", "webp", "bmp", "tga", "pnm", "gif"
  int orientation = 1;                // EXIF, 1 to 8, as the file states it
  std::vector<std::string> warnings;  // about parts that were ignored
  // Keeps the picture's bytes counted, if the options name a budget: whoever decodes with that
  // budget may wait until this is gone.
  DecodeMemory::Lease memory;
};

// Throws kBadInput, naming `name` and the reason, for whatever cannot be decoded whole, and
// kOutOfMemory.
NESTOR_API DecodedImage decode_image(std::span<const std::byte> bytes, const std::string& name,
                                     const DecodeOptions& options);

// Reads the file first, which counts as well.
NESTOR_API DecodedImage decode_image_file(const std::string& path, const DecodeOptions& options);

}  // namespace nestor
