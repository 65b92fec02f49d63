#pragma once
// The compiled-in font.

#include <span>

namespace nestor {

extern const std::span<const unsigned char> kFontFile;  // TrueType

}  // namespace nestor
