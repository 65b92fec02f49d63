// The table of tiles' cycles, and what the model makes of a row.

#include "engine/backends/cuda/tile_cycles.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "engine/backends/cuda/gemm_model.h"
#include "kernels/convolution/convolution.h"
#include "kernels/convolution/fused_convolution.h"

namespace nestor {

namespace {

bool is_kernel(std::string_view name) {
  return std::ranges::count(kConvolutionTiles, name, &ConvolutionTile::name) == 1 ||
         std::ranges::count(kFusedConvolutionTiles, name, &FusedConvolutionTile::name) == 1;
}

bool has_row(const DeviceSpec& spec, const ConvolutionTile& tile, int bytes) {
  return !family_row(tile.family).tensor_cores || !family_runs_on(tile.family, spec.sm) ||
         bytes > spec.shared_block || find_tile_cycles(spec.name, tile.name) != nullptr;
}

}  // namespace

TEST_CASE("tile cycles: every kernel on tensor cores has a row", "[cuda_plan][cpu]") {
  for (const DeviceSpec& spec : device_specs()) {
    for (const ConvolutionTile& tile : kConvolutionTiles) {
      INFO(spec.name << " " << tile.name);
      CHECK(has_row(spec, tile, tile.memory_bytes()));
    }
    for (const FusedConvolutionTile& fused : kFusedConvolutionTiles) {
      INFO(spec.name << " " << fused.name);
      ConvolutionTile named = kConvolutionTiles[fused.tile];
      named.name = fused.name;
      CHECK(has_row(spec, named, named.memory_bytes() + kGateHalves * 2));
    }
  }
}

TEST_CASE("tile cycles: rows are of kernels and architectures that exist", "[cuda_plan][cpu]") {
  for (const TileCycles& row : tile_cycles()) {
    INFO(row.arch << " " << row.kernel);
    CHECK(find_device_spec(row.arch) != nullptr);
    CHECK(is_kernel(row.kernel));
    CHECK(find_tile_cycles(row.arch, row.kernel) == &row);
    CHECK(row.blocks > 0);
    for (const TileLine& line : {row.alone, row.full}) {
      CHECK(line.fixed > 0);
      CHECK(line.slice > 0);
    }
    // All blocks together take longer than one, and less than one after the other.
    CHECK(row.full.slice >= row.alone.slice);
    CHECK(row.full.slice <= 1.01 * row.blocks * row.alone.slice);
  }
  CHECK(find_tile_cycles("sm_70", "convolution_fma_64x64") == nullptr);
}

TEST_CASE("gemm model: tiles with known cycles come in waves", "[cuda_plan][cpu]") {
  DeviceSpec spec = *find_device_spec("sm_70");
  spec.multiprocessors = 10;
  spec.clock_ghz = 1;
  const TileCycles cycles{.arch = "sm_70",
                          .kernel = "",
                          .blocks = 3,
                          .alone = {1000, 100, 10, 20, 40},
                          .full = {2000, 200, 30, 60, 120}};
  const cuda::GemmTile tile{.m = 64,
                            .n = 64,
                            .k = 32,
                            .warps = 4,
                            .warp_m = 32,
                            .warp_n = 32,
                            .sliced = 1,
                            .shared_bytes = 16384,
                            .blocks = 3,
                            .cycles = &cycles};
  const auto us = [&](std::int64_t tiles, cuda::GemmProblem problem) {
    problem.m = 64 * tiles;
    problem.n = 64;
    problem.k = 4 * 32 - 5;  // four slices
    return cuda::gemm_time(problem, tile, 1, spec).us - spec.launch_us;
  };
  CHECK(us(1, {}) == Approx(1.4));
  CHECK(us(10, {}) == Approx(1.4));
  CHECK(us(20, {}) == Approx((1.4 + 2.8) / 2));  // two of three resident blocks
  CHECK(us(30, {}) == Approx(2.8));
  CHECK(us(31, {}) == Approx(2.8 + 1.4));
  CHECK(us(60, {}) == Approx(2 * 2.8));
  CHECK(us(30, {.residual = true}) == Approx(2.83));
  CHECK(us(30, {.pooled = true}) == Approx(2.86));
  CHECK(us(30, {.taps = 9, .pooled = true}) == Approx(2.98));
  // Memory takes 10 us at 765 GB/s: a fifth of the tiles' time still shows.
  CHECK(us(30, {.weight_bytes = 7650000}) == Approx(10 + 0.2 * 2.8));
}

}  // namespace nestor
