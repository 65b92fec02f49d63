#pragma once
// Copies between formats on a GPU: the network's input to NHWC, normalised if it is images,
// results to plain float32.

#include "engine/backends/cuda/cuda_backend.h"

namespace nestor::cuda {

StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                             CudaBackend& backend);

}  // namespace nestor::cuda
