#include "engine/backends/cuda/convolution_step.h"

#include <fmt/format.h>

#include <vector>

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

namespace {

// Rows of [channels][pixels] as [pixels][channels].
std::vector<float> pixels_first(const float* weight, int rows, int columns, int pixels) {
  const int channels = columns / pixels;
  std::vector<float> result(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    const float* const from = weight + row * static_cast<std::size_t>(columns);
    float* const to = result.data() + row * static_cast<std::size_t>(columns);
    for (int c = 0; c < channels; ++c) {
      for (int i = 0; i < pixels; ++i) to[i * channels + c] = from[c * pixels + i];
    }
  }
  return result;
}

}  // namespace

std::shared_ptr<const Memory> packed_weight(CudaBackend& backend, const Constants& constants,
                                            ValueId id, const ConvolutionShape& shape,
                                            MmaFamily family, int flattened_pixels) {
  const bool half = family_row(family).tensor_cores;
  const std::string name =
      fmt::format("{} packed {}", constants.name(id), half ? "float16" : "float32");
  return backend.constant(name, packed_weight_bytes(shape, family), [&](std::byte* bytes) {
    const Constants::Tensor value = constants.value(id);
    std::vector<float> flattened;
    if (flattened_pixels > 1) {
      flattened = pixels_first(value.data(), shape.k, shape.c, flattened_pixels);
    }
    const float* const weight = flattened.empty() ? value.data() : flattened.data();
    if (!half) {
      pack_weight(
          shape, family, weight, [](float x) { return x; }, reinterpret_cast<float*>(bytes));
    } else {
      pack_weight(shape, family, weight, to_half, reinterpret_cast<std::uint16_t*>(bytes));
    }
  });
}

}  // namespace nestor::cuda
