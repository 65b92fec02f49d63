#pragma once
// C[m][n] = A[m][k] * B[n][k] in halves with fp32 accumulation: the demonstration of a tensor-core
// main loop for sm_70.

#include <cstdint>

#include "kernels/device/launch.h"

namespace nestor::test {

struct VoltaGemmArgs {
  const std::uint16_t* a;  // [m][k]
  const std::uint16_t* b;  // [n][k]
  float* c;                // [m][n]
  int m, n, k;             // multiples of 128, 128 and 32
};

DeviceStatus volta_gemm(const VoltaGemmArgs& args, Stream stream);

}  // namespace nestor::test
