#pragma once
// Floating-point tensors of any width as float32.

#include <cstddef>
#include <span>
#include <vector>

#include "nestor/tensor.h"

namespace nestor {

// The elements of data, which are float16, bfloat16, float32 or float64, as float32: data itself
// if it is that already, else converted into scratch. Every float16 and bfloat16 is exact;
// float64 is rounded to nearest.
std::span<const std::byte> as_float32(DType dtype, std::span<const std::byte> data,
                                      std::vector<float>& scratch);

}  // namespace nestor
