// Recognises a file's format by its first bytes and checks sizes before anything is allocated.

#include "nestor/decode.h"

#include <new>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/decoders.h"

namespace nestor {

namespace image {

Image allocate(const Source& source, std::int64_t width, std::int64_t height,
               std::uint64_t pixels_per_byte) {
  const DecodeOptions& options = source.options;
  CHECK_AS(kBadInput, width >= 1 && height >= 1, "{}: {} x {} pixels: nothing to decode",
           source.name, width, height);
  CHECK_AS(kBadInput, width <= options.max_side && height <= options.max_side,
           "{}: {} x {} pixels; at most {} a side are allowed", source.name, width, height,
           options.max_side);
  const CheckedSize pixels = CheckedSize(width) * height;
  CHECK_AS(kBadInput, pixels.at_most(static_cast<std::uint64_t>(options.max_pixels)),
           "{}: {} x {} pixels; at most {} in all are allowed", source.name, width, height,
           options.max_pixels);
  CHECK_AS(kBadInput, options.lenient || pixels.value() / pixels_per_byte <= source.bytes.size(),
           "{}: the file ends early: {} bytes cannot hold {} x {} pixels", source.name,
           source.bytes.size(), width, height);
  const CheckedSize size_bytes = pixels * 3;
  CHECK_AS(kBadInput, size_bytes.at_most(PTRDIFF_MAX), "{}: {} x {} pixels are too many",
           source.name, width, height);
  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  image.rgb.resize(size_bytes.value());
  return image;
}

void refuse_unless_lenient(const Source& source, DecodedImage& decoded, std::string_view reason) {
  CHECK_AS(kBadInput, source.options.lenient, "{}: {}", source.name, reason);
  decoded.warnings.push_back(fmt::format("{}: {}", source.name, reason));
}

}  // namespace image

namespace {

using image::Source;

bool has(const Source& source, std::size_t offset, std::string_view text) {
  const auto bytes = source.bytes;
  if (bytes.size() < offset + text.size()) return false;
  const char* begin = reinterpret_cast<const char*>(bytes.data()) + offset;
  return std::string_view(begin, text.size()) == text;
}

// The name of a format that Nestor recognises only to say that it does not read it.
const char* foreign_format(const Source& source) {
  using namespace std::string_view_literals;
  if (has(source, 0, "RIFF"sv) && has(source, 8, "WEBP"sv)) return "a WebP image";
  if (has(source, 0, "II*\0"sv) || has(source, 0, "MM\0*"sv)) return "a TIFF image";
  if (has(source, 4, "ftyp"sv)) return "a HEIF, AVIF or MP4 file";
  if (has(source, 0, "\0\0\0\fjP  "sv)) return "a JPEG 2000 image";
  if (has(source, 0, "8BPS"sv)) return "a Photoshop document";
  if (has(source, 0, "%PDF"sv)) return "a PDF document";
  return nullptr;
}

bool is_pnm(const Source& source) {
  using namespace std::string_view_literals;
  if (source.bytes.size() < 3 || source.data()[0] != 'P') return false;
  const unsigned char kind = source.data()[1];
  return kind >= '1' && kind <= '7' &&
         " \t\r\n#"sv.find(static_cast<char>(source.data()[2])) != std::string_view::npos;
}

DecodedImage decode(const Source& source) {
  CHECK_AS(kBadInput, !source.bytes.empty(), "{}: the file is empty", source.name);
  if (has(source, 0, "\xff\xd8\xff")) return image::decode_jpeg(source);
  if (has(source, 0, "\x89PNG\r\n\x1a\n")) return image::decode_png(source);
  if (has(source, 0, "BM")) return image::decode_with_stb(source, "bmp");
  if (has(source, 0, "GIF87a") || has(source, 0, "GIF89a")) {
    return image::decode_with_stb(source, "gif");
  }
  if (is_pnm(source)) return image::decode_pnm(source);
  if (const char* foreign = foreign_format(source)) {
    fail(ErrorCode::kBadInput, "{}: {}; Nestor reads JPEG, PNG, BMP, TGA, PNM and GIF", source.name,
         foreign);
  }
  if (image::looks_like_tga(source.bytes)) return image::decode_with_stb(source, "tga");
  fail(ErrorCode::kBadInput, "{}: not an image that Nestor reads (JPEG, PNG, BMP, TGA, PNM or GIF)",
       source.name);
}

}  // namespace

DecodedImage decode_image(std::span<const std::byte> bytes, const std::string& name,
                          const DecodeOptions& options) {
  try {
    return decode(Source{bytes, name, options});
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kOutOfMemory, "{}: not enough memory to decode it", name);
  }
}

}  // namespace nestor
