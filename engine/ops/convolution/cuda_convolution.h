#pragma once
// What the convolution's bindings for CUDA share.

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/ops/convolution/convolution.h"
#include "kernels/convolution/convolution.h"

namespace nestor::cuda {

ConvolutionShape convolution_shape(const StepRequest& request);

Activation activation_of(const ConvolutionParams& params);

// The 3x3 maximum with stride 2 that alone reads the convolution's result; null if there is
// none.
const Node* max_pool_of(const StepRequest& request);

// --- variants -----------------------------------------------------------------------------------

// Implicit GEMM by tensor_family(), with the tile that the model likes best.
StepChoice convolution_on_tensor_cores(const StepRequest& request, CudaBackend& backend);

// The network's first layer, 3x3 or 7x7 with stride 2 on 3 channels, which reads the network's
// input as it is given: on tensor cores in fp16 if the model says so, else outside them.
StepChoice stem_convolution_mma(const StepRequest& request, CudaBackend& backend);
StepChoice stem_convolution(const StepRequest& request, CudaBackend& backend);

// 3x3 and 5x5 with as many groups as channels, stride 1 or 2.
StepChoice depthwise_convolution(const StepRequest& request, CudaBackend& backend);

// 1x1 on one pixel.
StepChoice convolution_of_vectors(const StepRequest& request, CudaBackend& backend);

// With the 3x3 maximum that alone reads the result, if the model says so.
StepChoice convolution_max_pool(const StepRequest& request, CudaBackend& backend);

}  // namespace nestor::cuda
