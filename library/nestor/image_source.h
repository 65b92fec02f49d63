#pragma once
// The source of an image: a file, bytes or pixels.

#include <cstddef>
#include <filesystem>
#include <span>
#include <variant>

#include "nestor/image.h"

namespace nestor {

// A file; such a file in memory; or pixels. Bytes and pixels must outlive the call that they are
// given to.
using ImageSource = std::variant<std::filesystem::path, std::span<const std::byte>, const Image*>;

}  // namespace nestor
