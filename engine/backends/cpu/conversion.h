#pragma once
// Copies between formats on a CPU: oneDNN's reorders, and images to plain float32.

#include "engine/backends/cpu/cpu_backend.h"

namespace nestor::cpu {

// No kernel from images to anything else.
StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to);

}  // namespace nestor::cpu
