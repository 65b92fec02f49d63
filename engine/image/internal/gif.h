#pragma once

#include <cstddef>
#include <span>

namespace nestor::image {

// Whether the compressed data of a GIF file's first frame make up all of its pixels. stb_image
// takes a frame that stops anywhere for a whole one.
bool gif_frame_is_complete(std::span<const std::byte> file);

}  // namespace nestor::image
