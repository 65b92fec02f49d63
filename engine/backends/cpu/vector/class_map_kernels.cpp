#include "engine/backends/cpu/vector/class_map_kernels.h"

namespace nestor::cpu {

namespace sse2 {
ClassMapKernel class_map_kernel(DType storage);
}
namespace avx2 {
ClassMapKernel class_map_kernel(DType storage);
}
namespace avx512 {
ClassMapKernel class_map_kernel(DType storage);
}

ClassMapKernel class_map_kernel(DType storage, Isa isa) {
  switch (isa) {
    case Isa::kAvx512: return avx512::class_map_kernel(storage);
    case Isa::kAvx2: return avx2::class_map_kernel(storage);
    case Isa::kSse2: break;
  }
  return sse2::class_map_kernel(storage);
}

}  // namespace nestor::cpu
