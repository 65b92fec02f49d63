#pragma once
// safetensors, whose format engine/weights/weight_file.h defines.

#include "weights_convert/source_file.h"

namespace nestor {

bool is_safetensors(std::span<const std::byte> bytes);

// Throws kBadModel, naming file and reason, for unsound files and for element types that neither
// NumPy nor Nestor have (float8). The result's tensors are views of bytes.
SourceFile read_safetensors(std::span<const std::byte> bytes, const std::string& file);

}  // namespace nestor
