#pragma once
// Writing drawn pictures.

#include <filesystem>

#include "nestor/image.h"

namespace nestor {

// As JPEG if the name ends in .jpg or .jpeg, else as PNG. Appears whole or not at all. Throws kUsage
// for a picture that is too large for JPEG, kInternal if the system refuses.
void write_picture(const std::filesystem::path& path, const Image& image);

}  // namespace nestor
