#include "engine/backends/cuda/gemm_model.h"

#include <algorithm>
#include <cmath>

#include "engine/check.h"

namespace nestor::cuda {

namespace {

constexpr int kMaxWarpsPerMultiprocessor = 64;
constexpr double kHiddenShare = 0.2;  // of the shorter of two overlapped times that still shows
constexpr double kSharedEfficiency = 0.9;
constexpr double kMostL2Bytes = 64;  // a clock, for a multiprocessor that has L2 for itself

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Weights come from DRAM; activations too, unless all of them are still in L2.
double memory_seconds(const DeviceSpec& spec, std::int64_t tensor_bytes,
                      std::int64_t weight_bytes) {
  const double dram = spec.dram_share * spec.dram_gb_s * 1e9;
  const auto tensors = static_cast<double>(tensor_bytes);
  const double rate = tensors > spec.l2_keep ? dram : spec.dram_share * spec.l2_gb_s() * 1e9;
  return tensors / rate + static_cast<double>(weight_bytes) / dram;
}

// Cycles that one block's main loop demands of each part of a multiprocessor.
struct Demands {
  double arithmetic, shared, l2_bytes;

  double cycles(double share, double l2_rate) const {
    const double a = arithmetic / share, l2 = l2_bytes / l2_rate;
    return std::pow(a * a * a * a + shared * shared * shared * shared + l2 * l2 * l2 * l2, 0.25);
  }
};

Demands demands_of(const GemmProblem& problem, const GemmTile& tile, double k,
                   const DeviceSpec& spec) {
  const double element = problem.half ? 2 : 4;
  const double rate = problem.half ? spec.tensor_macs * spec.mma_share : spec.fp32_macs;
  // Elements of A that are stored for one product's, and that come from L2.
  const double stored =
      tile.patch > 0 ? static_cast<double>(tile.patch) / tile.m / problem.taps : 1;
  const bool gathers = problem.taps > 1 && tile.patch == 0;
  const double fetched = gathers ? spec.tap_reuse : stored;
  const double gather = gathers ? spec.gather_share : 1;
  // A wavefront brings 128 bytes; fragments of Volta's tensor cores take two for one.
  const double reads = problem.half ? spec.fragment_reads : 1;
  const double loads = static_cast<double>(tile.warps) * (tile.warp_m + tile.warp_n) * k * element *
                       reads / spec.shared_bytes / tile.sliced;
  const double stores = (tile.m * stored + tile.n) * k * element / spec.shared_bytes;
  return {.arithmetic = tile.m * tile.n * k / rate / spec.efficiency / gather / problem.load_share,
          .shared = (loads + stores) / kSharedEfficiency,
          .l2_bytes = (tile.m * fetched * problem.fetched + tile.n) * k * element};
}

// Few warps hide less latency.
double occupancy_share(std::int64_t warps) { return warps <= 4 ? 0.72 : 1.0; }

// A launch's blocks in waves: full ones, and what is left on the busiest multiprocessor.
struct Waves {
  std::int64_t full, rest_blocks, rest;  // waves; blocks of the last one, and of a multiprocessor
};
Waves waves_of(std::int64_t blocks, int resident, const DeviceSpec& spec) {
  const std::int64_t rest = blocks % (spec.multiprocessors * resident);
  return {.full = blocks / (spec.multiprocessors * resident),
          .rest_blocks = rest,
          .rest = ceil_div(rest, spec.multiprocessors)};
}

double line_cycles(const TileLine& line, const GemmProblem& problem, double slices, bool apart) {
  return line.fixed + line.slice * slices + (problem.residual ? line.residual : 0) +
         (problem.pooled ? line.pooled : 0) + (apart ? line.taps : 0);
}

double tabled_us(const GemmProblem& problem, const TileCycles& tile, double slices,
                 std::int64_t blocks, const DeviceSpec& spec) {
  const bool apart = problem.taps > 1;
  const double alone = line_cycles(tile.alone, problem, slices, apart);
  const double full = line_cycles(tile.full, problem, slices, apart);
  const Waves waves = waves_of(blocks, tile.blocks, spec);
  double cycles = static_cast<double>(waves.full) * full;
  if (waves.rest > 0) {
    const double others = tile.blocks > 1 ? (waves.rest - 1.0) / (tile.blocks - 1) : 0;
    cycles += alone + (full - alone) * others;
  }
  return cycles / spec.hz() * 1e6;
}

double demanded_us(const Demands& demands, const GemmTile& tile, std::int64_t blocks,
                   const DeviceSpec& spec) {
  const int resident = tile.resident_blocks(spec);
  const Waves waves = waves_of(blocks, resident, spec);
  double cycles = static_cast<double>(waves.full * resident) *
                  demands.cycles(occupancy_share(resident * tile.warps), spec.l2_bytes);
  if (waves.rest > 0) {
    // Fewer multiprocessors share L2.
    const std::int64_t active = std::min<std::int64_t>(waves.rest_blocks, spec.multiprocessors);
    const double l2 =
        std::min(kMostL2Bytes, spec.l2_bytes * spec.multiprocessors / static_cast<double>(active));
    cycles += static_cast<double>(waves.rest) *
              demands.cycles(occupancy_share(waves.rest * tile.warps), l2);
  }
  return cycles / spec.hz() * 1e6;
}

// Until a main loop of demands is at full speed, and from a block's end to its last store.
double fills_us(const GemmTile& tile, std::int64_t blocks, const DeviceSpec& spec) {
  const int resident = tile.resident_blocks(spec);
  const Waves waves = waves_of(blocks, resident, spec);
  const auto further =
      static_cast<double>(std::max<std::int64_t>(0, waves.full - (waves.rest > 0 ? 0 : 1)));
  return spec.fill_us + further * spec.wave_us * (resident > 1 ? 0.3 : 1.0);
}

}  // namespace

int GemmTile::resident_blocks(const DeviceSpec& spec) const {
  if (shared_bytes > spec.shared_block) return 0;
  return std::min({blocks, spec.shared_sm / shared_bytes, kMaxWarpsPerMultiprocessor / warps});
}

double waves(const DeviceSpec& spec, std::int64_t blocks, int resident) {
  return static_cast<double>(blocks) / (static_cast<double>(spec.multiprocessors) * resident);
}

GemmTime gemm_time(const GemmProblem& problem, const GemmTile& tile, int split,
                   const DeviceSpec& spec) {
  const int resident = tile.resident_blocks(spec);
  CHECK(resident > 0, "a tile of {}x{}x{} does not fit {}", tile.m, tile.n, tile.k, spec.name);
  const std::int64_t blocks =
      ceil_div(problem.m, tile.m) * ceil_div(problem.n, tile.n) * problem.groups * split;
  const auto slices = static_cast<double>(ceil_div(ceil_div(problem.k, split), tile.k));
  double compute = 0, overhead = spec.launch_us;
  if (tile.cycles != nullptr) {
    compute = tabled_us(problem, *tile.cycles, slices, blocks, spec);
  } else {
    compute = demanded_us(demands_of(problem, tile, slices * tile.k, spec), tile, blocks, spec);
    overhead += fills_us(tile, blocks, spec);
  }
  double handover = 0;
  if (split > 1) {
    const double partial_sums =
        4.0 * split * static_cast<double>(problem.m * problem.n * problem.groups);
    handover = spec.reduce_us + 2e-3 * partial_sums / spec.l2_gb_s();
  }
  const double memory = memory_seconds(spec, problem.tensor_bytes, problem.weight_bytes) * 1e6;
  return {.waves = waves(spec, blocks, resident),
          .us = overhead + std::max(compute, memory) + kHiddenShare * std::min(compute, memory) +
                handover};
}

double streaming_us(const DeviceSpec& spec, std::int64_t tensor_bytes, std::int64_t weight_bytes) {
  return spec.launch_us + spec.fill_us + memory_seconds(spec, tensor_bytes, weight_bytes) * 1e6;
}

}  // namespace nestor::cuda
