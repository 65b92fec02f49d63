#pragma once
// Parts of choices that the bindings share.

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/backends/cuda/gemm_model.h"

namespace nestor::cuda {

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
// Of one image.
inline std::int64_t pixels(const Shape& shape) {
  return shape.rank() == 4 ? shape[2] * shape[3] : 1;
}
inline std::int64_t padded8(std::int64_t channels) { return ceil_div(channels, 8) * 8; }

// Constants are named as float32 in plain layout, or as their kernels store them; activations as
// all activations lie, values of other types in plain layout. The caller sets `kernel`.
StepChoice activation_choice(const StepRequest& request);

// Device bytes that the step reads and writes besides constants, in the choice's formats; and of
// its constants.
std::int64_t tensor_bytes(const StepRequest& request, const StepChoice& choice,
                          const CudaBackend& backend);
std::int64_t constant_bytes(const StepRequest& request, const StepChoice& choice,
                            const CudaBackend& backend);

// Of the sums behind the elements of a buffer (BufferFormat::sums_tile): [image][slot][channel of
// one part]. A tile of pixels of the whole batch has a slot in each image it touches.
std::int64_t sums_slots(const Shape& shape, BufferFormat format);  // of one part
std::size_t sums_bytes(const Shape& shape, BufferFormat format);

// Kernels that read and write and compute next to nothing: a thread for every 8 channels of a pixel
// of dst, unless they say otherwise.
inline constexpr int kStreamingThreads = 256;
GpuLaunch streaming_launch(const StepRequest& request, const StepChoice& choice,
                           const CudaBackend& backend);
GpuLaunch streaming_launch(std::int64_t items, std::int64_t tensor_bytes,
                           std::int64_t constant_bytes, const DeviceSpec& spec);

}  // namespace nestor::cuda
