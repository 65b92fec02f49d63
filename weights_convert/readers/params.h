#pragma once
// MXNet's NDArray list (.params), record versions 0 to 3.

#include "weights_convert/source_file.h"

namespace nestor {

bool is_params(std::span<const std::byte> bytes);

// Throws kBadModel, naming file and reason, for whatever is not a sound list of dense arrays. The
// result's tensors are views of bytes.
SourceFile read_params(std::span<const std::byte> bytes, const std::string& file);

}  // namespace nestor
