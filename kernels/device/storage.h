#pragma once
// How the elements of a kernel's tensors are stored, and the choice of a kernel's instance by that.
// Arithmetic is float32 whatever the storage. Plain C++.
//
// Activations are NHWC; a pixel's channels are a multiple of 8, and pointers aligned to 16 bytes.

#include <cstdint>

#include "kernels/runtime/runtime.h"

namespace nestor {

enum class DeviceDType : std::int32_t { kFloat32, kFloat16 };

// An element of a float16 tensor, as bits: host code has no arithmetic on it either.
struct Half {
  std::uint16_t bits;
};

template <class T>
struct ElementType {
  using Type = T;
};

// run(ElementType<T>()) for the T that stores `dtype`.
template <class Run>
DeviceStatus with_dtype(DeviceDType dtype, const Run& run) {
  switch (dtype) {
    case DeviceDType::kFloat32: return run(ElementType<float>());
    case DeviceDType::kFloat16: return run(ElementType<Half>());
  }
  return {DeviceCode::kInvalidArgument, "unknown dtype"};
}

// Channels and elements are read 8 at a time.
constexpr int kChunk = 8;

}  // namespace nestor
