#include "engine/backends/cuda/convolution_step.h"

#include <fmt/format.h>

#include "engine/backends/cuda/half.h"
#include "kernels/convolution/packed_weight.h"

namespace nestor::cuda {

GemmTile model_tile(const ConvolutionTile& tile) {
  return {.m = tile.m,
          .n = tile.n,
          .k = tile.slice(),
          .warps = tile.num_warps(),
          .warp_m = tile.warp_m,
          .warp_n = tile.warp_n,
          .sliced = tile.warps_k,
          .shared_bytes = tile.memory_bytes(),
          .blocks = tile.blocks};
}

std::shared_ptr<const Memory> packed_weight(CudaBackend& backend, const Constants& constants,
                                            ValueId id, const ConvolutionShape& shape,
                                            ConvolutionEngine engine) {
  const bool fma = engine == ConvolutionEngine::kFma;
  const std::string name =
      fmt::format("{} packed {}", constants.name(id), fma ? "float32" : "float16");
  return backend.constant(name, packed_weight_bytes(shape, engine), [&](std::byte* bytes) {
    const Constants::Tensor value = constants.value(id);
    if (fma) {
      pack_weight(
          shape, engine, value.data(), [](float x) { return x; }, reinterpret_cast<float*>(bytes));
    } else {
      pack_weight(shape, engine, value.data(), to_half, reinterpret_cast<std::uint16_t*>(bytes));
    }
  });
}

}  // namespace nestor::cuda
