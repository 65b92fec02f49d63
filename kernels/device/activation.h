#pragma once
// How a convolution ends. Plain C++; activation.cuh computes it.

#include <cstdint>

namespace nestor {

enum class Activation : std::int32_t {
  kNone,
  kRelu,
  kSwish,  // x / (1 + exp(-x))
};

}  // namespace nestor
