#pragma once
// What the bindings of convolutions share.

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/backends/cuda/gemm_model.h"
#include "kernels/convolution/convolution.h"

namespace nestor::cuda {

// Split-K moves partial sums through memory for certain, and is faster by a model: it must win by
// this factor. ResNeSt-50 at batch 16 on sm_70 moves 6 % less without the splits that gain 2 %.
inline constexpr double kSplitHandicap = 1.05;

// `kernel`: by which its cycles are known.
GemmTile model_tile(const ConvolutionTile& tile, std::string_view kernel, const DeviceSpec& spec);

// A weight on the device as the family's tiles want it, packed once for all plans of a model. With
// `flattened_pixels` it is [k][c / pixels][pixels], to be read as [k][pixels][c / pixels].
std::shared_ptr<const Memory> packed_weight(CudaBackend& backend, const Constants& constants,
                                            ValueId id, const ConvolutionShape& shape,
                                            MmaFamily family, int flattened_pixels = 1);

}  // namespace nestor::cuda
