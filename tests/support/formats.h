#pragma once
// Tensors into and out of the engine's buffer formats, element by element and without oneDNN.

#include <span>
#include <vector>

#include "engine/plan/plan.h"
#include "nestor/tensor.h"

namespace nestor::test {

// Writes the plain float32 tensor in that format; padding becomes zero.
void pack(std::span<const float> plain, const Shape& shape, BufferFormat format, void* to);

std::vector<float> unpack(const void* from, const Shape& shape, BufferFormat format);

// Whether the lanes beyond the last channel are zero, as the blocked layouts promise.
bool padding_is_zero(const void* from, const Shape& shape, BufferFormat format);

// As the format's element type holds them.
std::vector<float> rounded(std::vector<float> values, DType dtype);

}  // namespace nestor::test
