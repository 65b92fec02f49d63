#include "apps/evaluation/class_map_file.h"

#include "engine/check.h"
#include "engine/image/png_reader.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

using image::PngReader;

constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 28;

bool has_classes(const PngReader& reader) {
  const int colours = reader.colour_type();
  return reader.bit_depth() <= 8 &&
         (colours == PNG_COLOR_TYPE_GRAY || colours == PNG_COLOR_TYPE_PALETTE);
}

bool read_bytes(PngReader& reader, std::uint8_t* classes) {
  return reader.start([](png_structp png) { png_set_packing(png); }) &&
         reader.read_rows(classes, reader.width());
}

}  // namespace

IndexImage read_class_map(std::span<const std::byte> bytes, const std::string& name) {
  PngReader reader(bytes, name);
  CHECK_AS(kBadInput, reader.read_header(), "{}: not a PNG of classes: {}", name, reader.message());
  CHECK_AS(kBadInput, has_classes(reader),
           "{}: not a PNG of classes, which has one channel (grey or palette) of at most 8 bits",
           name);
  const std::uint64_t pixels = std::uint64_t{reader.width()} * reader.height();
  CHECK_AS(kBadInput, pixels <= kMostPixels && pixels / PngReader::kPixelsPerByte <= bytes.size(),
           "{}: {} x {} pixels, which is too many{}", name, reader.width(), reader.height(),
           pixels <= kMostPixels ? fmt::format(" for {} bytes", bytes.size()) : "");
  IndexImage map{.width = static_cast<int>(reader.width()),
                 .height = static_cast<int>(reader.height()),
                 .classes = std::vector<std::uint8_t>(pixels)};
  CHECK_AS(kBadInput, read_bytes(reader, map.classes.data()), "{}: {}", name, reader.message());
  return map;
}

IndexImage read_class_map(const std::string& path) {
  const MappedFile file = MappedFile::open(path);
  return read_class_map(file.bytes(), path);
}

}  // namespace nestor
