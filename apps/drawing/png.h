#pragma once
// Writing PNG files, which appear whole or not at all. All throw kInternal if the system refuses.

#include <cstdint>
#include <filesystem>
#include <span>

#include "apps/drawing/palette.h"
#include "nestor/image.h"

namespace nestor {

void write_png(const std::filesystem::path& path, const Image& image);

// 8-bit grey, one byte a pixel, rows from the top: height * width of them.
void write_grey_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
                    int width, int height);

// The same with the pixels as 8-bit indices of the palette's colours; those beyond are black.
void write_palette_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
                       int width, int height, const Palette& palette);

}  // namespace nestor
