#include "engine/backends/cuda/convolution_step.h"

#include <fmt/format.h>

#include "engine/backends/cuda/half.h"
#include "kernels/convolution/packed_weight.h"

namespace nestor::cuda {

GemmTile model_tile(const ConvolutionTile& tile, std::string_view kernel, const DeviceSpec& spec) {
  const TileCycles* cycles = find_tile_cycles(spec.name, kernel);
  return {.m = tile.m,
          .n = tile.n,
          .k = tile.slice(),
          .warps = tile.num_warps(),
          .warp_m = tile.warp_m,
          .warp_n = tile.warp_n,
          .sliced = tile.warps_k,
          .shared_bytes = tile.memory_bytes(),
          .blocks = cycles != nullptr ? cycles->blocks : tile.blocks,
          .cycles = cycles};
}

std::shared_ptr<const Memory> packed_weight(CudaBackend& backend, const Constants& constants,
                                            ValueId id, const ConvolutionShape& shape,
                                            MmaFamily family) {
  const bool half = family_row(family).tensor_cores;
  const std::string name =
      fmt::format("{} packed {}", constants.name(id), half ? "float16" : "float32");
  return backend.constant(name, packed_weight_bytes(shape, family), [&](std::byte* bytes) {
    const Constants::Tensor value = constants.value(id);
    if (!half) {
      pack_weight(
          shape, family, value.data(), [](float x) { return x; }, reinterpret_cast<float*>(bytes));
    } else {
      pack_weight(shape, family, value.data(), to_half, reinterpret_cast<std::uint16_t*>(bytes));
    }
  });
}

}  // namespace nestor::cuda
