#include "apps/drawing/png.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>

#include "engine/atomic_file.h"
#include "engine/check.h"

namespace nestor {

namespace {

constexpr std::size_t kColours = 256;  // fewer would become indices of fewer bits

struct Pixels {
  const std::uint8_t* data;
  int width, height;
  png_uint_32 format;
  const png_byte* colours = nullptr;  // kColours * 3 of a palette
};

void write(const std::filesystem::path& path, const Pixels& pixels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(pixels.width);
  image.height = static_cast<png_uint_32>(pixels.height);
  image.format = pixels.format;
  image.colormap_entries = pixels.colours != nullptr ? kColours : 0;
  png_alloc_size_t size_bytes = PNG_IMAGE_PNG_SIZE_MAX(image);
  const auto bytes = std::make_unique_for_overwrite<std::byte[]>(size_bytes);
  const int ok = png_image_write_to_memory(&image, bytes.get(), &size_bytes, 0, pixels.data, 0,
                                           pixels.colours);
  CHECK(ok != 0, "{}: cannot encode {} x {} pixels as PNG: {}", path.string(), pixels.width,
        pixels.height, static_cast<const char*>(image.message));
  AtomicFile file(path);
  file.write({bytes.get(), size_bytes});
  file.commit();
}

void check_size(std::span<const std::uint8_t> pixels, int width, int height) {
  CHECK(pixels.size() == static_cast<std::size_t>(width) * static_cast<std::size_t>(height),
        "{} pixels for {} x {}", pixels.size(), width, height);
}

}  // namespace

void write_png(const std::filesystem::path& path, const Image& image) {
  write(path, {image.rgb.data(), image.width, image.height, PNG_FORMAT_RGB});
}

void write_grey_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
                    int width, int height) {
  check_size(pixels, width, height);
  write(path, {pixels.data(), width, height, PNG_FORMAT_GRAY});
}

void write_palette_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
                       int width, int height, const Palette& palette) {
  check_size(pixels, width, height);
  std::array<png_byte, kColours* 3> colours = {};
  for (std::size_t i = 0; i < std::min(palette.size(), kColours); ++i) {
    colours[3 * i] = palette[i].r;
    colours[3 * i + 1] = palette[i].g;
    colours[3 * i + 2] = palette[i].b;
  }
  write(path, {pixels.data(), width, height, PNG_FORMAT_RGB_COLORMAP, colours.data()});
}

}  // namespace nestor
