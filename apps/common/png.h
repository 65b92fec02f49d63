#pragma once
// Writing pictures.

#include <filesystem>

#include "nestor/image.h"

namespace nestor {

// Appears whole or not at all. Throws kInternal if the system refuses.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace nestor
