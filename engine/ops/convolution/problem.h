#pragma once
// A convolution as a string that tests, benches and tuning rows share:
//
//   n2_c64_h57_w56_k64_r3_s3_g2_bias_relu_bf16
//
//   n c h w    of src             k r s    of the weight
//   st         stride, else 1     p        pad, else (r - 1) / 2 * dilation
//   d          dilation, else 1   g        groups, else 1
//   same       pads as TensorFlow does, whatever p
//   bias, residual, relu, swish   parts of the epilogue
//   fp32, fp16, bf16              precision, else fp32

#include <string>
#include <string_view>

#include "engine/ops/convolution/convolution.h"
#include "engine/plan/plan.h"

namespace nestor {

struct ConvolutionProblem {
  ConvolutionParams params;
  Shape src, weight, dst;
  Precision precision = Precision::kFp32;

  // Throws kUsage for anything that is not such a string.
  static ConvolutionProblem parse(std::string_view text);
};

std::string to_string(const ConvolutionProblem& problem);

}  // namespace nestor
