#pragma once
// Class maps and labels as PNG files.

#include <cstddef>
#include <span>
#include <string>

#include "apps/drawing/class_overlay.h"

namespace nestor {

// The stored values of a PNG of one channel of at most 8 bits: grey levels, or with a palette its
// indices. Throws kBadInput, naming the file, for everything else and for more than 2^28 pixels.
IndexImage read_class_map(const std::string& path);
IndexImage read_class_map(std::span<const std::byte> bytes, const std::string& name);

}  // namespace nestor
