#pragma once
// One row of a class map from scores in a blocked layout (engine/ops/class_map), compiled for several
// instruction sets like plane_kernels.h; without fused multiply-adds: the scores are exact.

#include <cstddef>
#include <cstdint>

#include "engine/backends/cpu/onednn.h"
#include "engine/image/align_corners.h"

namespace nestor::cpu {

struct ClassMapRow {
  const void* scores = nullptr;  // of an image: planes [h * w] of vectors
  std::size_t plane_bytes = 0;
  std::int64_t num_classes = 0;
  std::int64_t above = 0, below = 0;  // first pixels of the two rows
  float distance = 0;                 // from the row above
  const AlignCornersTap* columns = nullptr;
  std::int64_t width = 0;           // of dst
  std::uint8_t* bytes = nullptr;    // dst; null: `numbers` is
  std::int32_t* numbers = nullptr;  //
};

using ClassMapKernel = void (*)(const ClassMapRow& row);

// Storage of the scores: kFloat32 or kBFloat16. The machine must have the instruction set.
ClassMapKernel class_map_kernel(DType storage, Isa isa);

}  // namespace nestor::cpu
