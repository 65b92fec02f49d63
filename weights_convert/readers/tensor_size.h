#pragma once
// Bytes of a tensor whose extents come from a file.

#include <cstdint>
#include <span>

#include "engine/checked.h"
#include "nestor/tensor.h"

namespace nestor {

// None of dims may be negative. Extents whose product would leave int64 count as overflowed even
// if another extent is 0, so that a tensor of this size can be asked for its shape and strides.
CheckedSize checked_tensor_bytes(DType dtype, std::span<const std::int64_t> dims);

}  // namespace nestor
