#pragma once
// How images are gathered.

#include <cstddef>
#include <cstdint>

#include "nestor/export.h"

namespace nestor {

struct NESTOR_API Batching {
  std::size_t batch_size = 16;   // most images that run at once
  std::size_t num_decoders = 4;  // threads that decode and prepare images meanwhile
  // An encoded image with more of them is refused before it is decoded (DecodeOptions::max_pixels).
  std::int64_t max_pixels = 178'956'970;
};

}  // namespace nestor
