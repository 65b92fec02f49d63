#pragma once
// How images are gathered.

#include <cstddef>

#include "nestor/export.h"

namespace nestor {

struct NESTOR_API Batching {
  std::size_t batch_size = 16;   // most images that run at once
  std::size_t num_decoders = 4;  // threads that decode and prepare images meanwhile
};

}  // namespace nestor
