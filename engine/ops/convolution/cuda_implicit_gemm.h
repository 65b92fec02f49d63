#pragma once
// Products that kernels/convolution computes as implicit GEMMs: convolutions, and fully connected
// layers on many vectors. Tile and split-K are the model's choice, or pinned.

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/ops/convolution/convolution.h"
#include "kernels/convolution/convolution.h"

namespace nestor::cuda {

struct GemmStep {
  ConvolutionShape shape;
  ConvolutionParams params;  // has_bias, has_residual, relu and swish count
  // Of the split attention that wants sums of the result over pixels; 0: nobody does.
  int radix = 0;
  // The weight is [k][c / pixels][pixels], and src has these c as [pixels][c / pixels].
  int flattened_pixels = 1;
};

// The node's inputs are src, weight, bias and residual, as far as there are. No kernel if the family
// cannot do it here.
StepChoice implicit_gemm(const StepRequest& request, CudaBackend& backend, MmaFamily family,
                         const GemmStep& step);

// What tuning tries, the fastest by the model first.
std::vector<TunedChoice> gemm_tiles(const StepRequest& request, CudaBackend& backend,
                                    MmaFamily family, const GemmStep& step);

// Deterministic plans choose for this batch, whatever the batch is.
inline constexpr int kDeterministicBatch = 16;

}  // namespace nestor::cuda
