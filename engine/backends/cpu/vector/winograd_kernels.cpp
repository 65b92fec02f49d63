#include "engine/backends/cpu/vector/winograd_kernels.h"

namespace nestor::cpu {

namespace sse2 {
const WinogradKernels& winograd_kernels(DType storage, int tile);
}
namespace avx2 {
const WinogradKernels& winograd_kernels(DType storage, int tile);
}
namespace avx512 {
const WinogradKernels& winograd_kernels(DType storage, int tile);
}

const WinogradKernels& winograd_kernels(Isa isa, DType storage, int tile) {
  switch (isa) {
    case Isa::kAvx512: return avx512::winograd_kernels(storage, tile);
    case Isa::kAvx2: return avx2::winograd_kernels(storage, tile);
    case Isa::kSse2: break;
  }
  return sse2::winograd_kernels(storage, tile);
}

}  // namespace nestor::cpu
