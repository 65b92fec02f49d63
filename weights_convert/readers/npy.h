#pragma once
// NumPy's .npy: one array without a name.

#include "weights_convert/source_file.h"

namespace nestor {

bool is_npy(std::span<const std::byte> bytes);

// Throws kBadModel, naming file and reason, for whatever is not a plain little-endian array. The
// result's tensor is a view of bytes.
SourceFile read_npy(std::span<const std::byte> bytes, const std::string& file);

}  // namespace nestor
