// c[i][j] = sum over k of a[i][k] * b[j][k], on Volta's m8n8k4.
//
//   grid (n/128, m/128)      block: 128x128 of c, 4 warps of 64x64 as 4x4 products of 16x16
//   shared memory: two stages of 128x32 halves of a and of b, 32 KB. Rows of four 16-byte chunks;
//   chunk c of row m lies at 64 m + 16 (c ^ (m / 2 % 4)): neither stores nor loads have bank
//   conflicts.
//
// A lane's row in a 16x16 product is chosen so that the rows of a quarter-warp are consecutive:
//
//   row(l) = l % 4 + 4 (l / 4 % 2) + 8 (l / 16)      column(l) = l % 4 + 4 (l / 8 % 2) + 8 (l / 16)
#include "kernels/device/mma.cuh"
#include "kernels/device/vec.cuh"
#include "kernels/device/warp.cuh"
#include "tests/simt/kernels/volta_gemm.h"

namespace nestor::test {
namespace {

struct Tile {
  static constexpr int kM = 128, kN = 128, kK = 32;  // kK halves are four chunks
  static constexpr int kWarpM = 64, kWarpN = 64;
  static constexpr int kFragments = 4;  // of 16 along each side of a warp's tile
  static constexpr int kThreads = 128;
  static constexpr int kRowsPerPass = kThreads / 4;  // a thread stores one chunk a pass
  static constexpr int kPasses = kM / kRowsPerPass;
  static_assert(kM == kN, "a and b are loaded alike");
};

using Mma = MmaTwice<MmaF16M8N8K4>;

struct Smem {
  SharedArray<std::uint16_t, 2 * Tile::kM * Tile::kK> a;
  SharedArray<std::uint16_t, 2 * Tile::kN * Tile::kK> b;
};

// In halves.
__device__ __forceinline__ int chunk_offset(int stage, int row, int chunk) {
  return (stage * Tile::kM + row) * Tile::kK + 8 * (chunk ^ (row / 2 % 4));
}

// 4 lanes read the 64 bytes of a row.
__device__ __forceinline__ void load_slice(uint4 (&chunks)[Tile::kPasses],
                                           const std::uint16_t* rows, int pitch) {
#pragma unroll
  for (int pass = 0; pass < Tile::kPasses; ++pass) {
    const int row = pass * Tile::kRowsPerPass + static_cast<int>(threadIdx.x) / 4;
    chunks[pass] = ld128(rows + row * pitch + 8 * (static_cast<int>(threadIdx.x) % 4));
  }
}

template <int kSize>
__device__ __forceinline__ void store_slice(SharedArray<std::uint16_t, kSize>& panel, int stage,
                                            const uint4 (&chunks)[Tile::kPasses]) {
#pragma unroll
  for (int pass = 0; pass < Tile::kPasses; ++pass) {
    const int row = pass * Tile::kRowsPerPass + static_cast<int>(threadIdx.x) / 4;
    st128(&panel[chunk_offset(stage, row, static_cast<int>(threadIdx.x) % 4)], chunks[pass]);
  }
}

template <int kSize>
__device__ __forceinline__ void load_fragments(
    std::uint32_t (&fragments)[Tile::kFragments][Mma::kA], SharedArray<std::uint16_t, kSize>& panel,
    int stage, int first_row, int chunk) {
#pragma unroll
  for (int i = 0; i < Tile::kFragments; ++i) {
    const uint4 values = ld128(&panel[chunk_offset(stage, first_row + 16 * i, chunk)]);
    fragments[i][0] = values.x;
    fragments[i][1] = values.y;
    fragments[i][2] = values.z;
    fragments[i][3] = values.w;
  }
}

__global__ void __launch_bounds__(Tile::kThreads, 2)
    volta_gemm_kernel(const __grid_constant__ VoltaGemmArgs args) {
  auto& smem = block_smem<Smem>();
  const int lane = lane_idx(), warp = warp_idx();
  const int quadpair = lane % 16 / 4;
  const int block_m = static_cast<int>(blockIdx.y) * Tile::kM;
  const int block_n = static_cast<int>(blockIdx.x) * Tile::kN;
  const int warp_m = warp / 2 * Tile::kWarpM, warp_n = warp % 2 * Tile::kWarpN;
  const int a_row = warp_m + lane % 4 + 4 * (quadpair % 2) + 8 * (lane / 16);
  const int b_row = warp_n + lane % 4 + 4 * (quadpair / 2) + 8 * (lane / 16);
  const std::uint16_t* a = args.a + block_m * args.k;  // [128][k]
  const std::uint16_t* b = args.b + block_n * args.k;  // [128][k]

  float sums[Tile::kFragments][Tile::kFragments][Mma::kD] = {};
  uint4 next_a[Tile::kPasses], next_b[Tile::kPasses];
  load_slice(next_a, a, args.k);
  load_slice(next_b, b, args.k);
  store_slice(smem.a, 0, next_a);
  store_slice(smem.b, 0, next_b);
  __syncthreads();  // the first slice is stored before its fragments are loaded
  const int num_slices = args.k / Tile::kK;
  for (int slice = 0; slice < num_slices; ++slice) {
    const bool has_next = slice + 1 < num_slices;
    if (has_next) {
      load_slice(next_a, a + (slice + 1) * Tile::kK, args.k);
      load_slice(next_b, b + (slice + 1) * Tile::kK, args.k);
    }
#pragma unroll
    for (int chunk = 0; chunk < 4; ++chunk) {
      std::uint32_t fragments_a[Tile::kFragments][Mma::kA], fragments_b[Tile::kFragments][Mma::kB];
      load_fragments(fragments_a, smem.a, slice % 2, a_row, chunk);
      load_fragments(fragments_b, smem.b, slice % 2, b_row, chunk);
      warp_mma<Mma>(sums, fragments_a, fragments_b);
    }
    if (has_next) {
      store_slice(smem.a, (slice + 1) % 2, next_a);
      store_slice(smem.b, (slice + 1) % 2, next_b);
    }
    __syncthreads();  // the next slice is stored, and this one's stage may be written over
  }

#pragma unroll
  for (int i = 0; i < Tile::kFragments; ++i) {
#pragma unroll
    for (int j = 0; j < Tile::kFragments; ++j) {
#pragma unroll
      for (int v = 0; v < Mma::kD; v += 2) {
        const int m = warp_m + 16 * i + (lane & 1) + (v & 2) + 4 * (quadpair % 2) + 8 * (lane / 16);
        const int n = warp_n + 16 * j + (lane & 2) + 4 * (quadpair / 2) + 8 * (v / 4);
        store(args.c + (block_m + m) * args.n + block_n + n,
              make_float2(sums[i][j][v], sums[i][j][v + 1]));
      }
    }
  }
}

}  // namespace

DeviceStatus volta_gemm(const VoltaGemmArgs& args, Stream stream) {
  if (args.m % Tile::kM != 0 || args.n % Tile::kN != 0 || args.k % Tile::kK != 0) {
    return {DeviceCode::kInvalidArgument, "volta_gemm: m, n and k fill whole tiles"};
  }
  const LaunchConfig config{
      "volta_gemm",
      {static_cast<unsigned>(args.n / Tile::kN), static_cast<unsigned>(args.m / Tile::kM)},
      Tile::kThreads,
      sizeof(Smem)};
  return launch(volta_gemm_kernel, config, stream, args);
}

}  // namespace nestor::test
