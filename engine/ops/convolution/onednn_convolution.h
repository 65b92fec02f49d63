#pragma once
// A convolution by oneDNN with its epilogue as post-ops; used by the ops convolution and dense.

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/ops/convolution/convolution.h"

namespace nestor::cpu {

struct OnednnConvolution {
  ConvolutionParams params;
  Shape src, weight, dst;  // four dimensions each; weight without the group dimension
  BufferFormat src_format, dst_format;
  std::string weight_name;          // key of the packed weights
  bool any_implementation = false;  // accept oneDNN's plain loops too
  // The channels are those of maps of so many pixels, one behind the other as they lie in blocks;
  // the weights are given in plain order, pixels innermost.
  std::int64_t flattened_pixels = 1;
};

// No kernel if oneDNN has nothing better than plain loops for these formats (unless
// any_implementation). With has_residual the output overwrites input 3 (input 2 without bias).
StepChoice choose_onednn_convolution(const OnednnConvolution& problem, CpuBackend& backend);

}  // namespace nestor::cpu
