#pragma once
// What every format demands of the names of its tensors.

#include <string>
#include <string_view>
#include <vector>

#include "weights_convert/source_file.h"

namespace nestor {

// Throws kBadModel for a name that is empty, longer than 64 KiB, not UTF-8 or holds a NUL.
void check_tensor_name(std::string_view name, const std::string& file);

// Throws kBadModel if two tensors have the same name.
void check_names_unique(const std::vector<SourceTensor>& tensors, const std::string& file);

}  // namespace nestor
