#include "engine/backends/cpu/vector/plane_kernels.h"

namespace nestor::cpu {

namespace sse2 {
const PlaneKernels& plane_kernels(DType storage);
}
namespace avx2 {
const PlaneKernels& plane_kernels(DType storage);
}
namespace avx512 {
const PlaneKernels& plane_kernels(DType storage);
}

const PlaneKernels& plane_kernels(DType storage, Isa isa) {
  switch (isa) {
    case Isa::kAvx512: return avx512::plane_kernels(storage);
    case Isa::kAvx2: return avx2::plane_kernels(storage);
    case Isa::kSse2: break;
  }
  return sse2::plane_kernels(storage);
}

}  // namespace nestor::cpu
