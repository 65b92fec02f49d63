#include "kernels/device/async_copy.cuh"
#include "kernels/device/block.cuh"
#include "kernels/device/mma.cuh"
#include "kernels/device/vec.cuh"
#include "kernels/device/warp.cuh"
#include "tests/simt/kernels/conformance.h"

namespace nestor::test {
namespace {

// --- tensor cores
// -----------------------------------------------------------------------------------
template <class Mma, int kM, int kN>
__global__ void __launch_bounds__(32) mma_kernel(const __grid_constant__ MmaArgs args) {
  std::uint32_t a[kM][Mma::kA];
  std::uint32_t b[kN][Mma::kB];
  float d[kM][kN][Mma::kD];
  const int lane = lane_idx();
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int i = 0; i < Mma::kA; ++i) a[m][i] = args.a[(lane * kM + m) * Mma::kA + i];
  }
#pragma unroll
  for (int n = 0; n < kN; ++n) {
#pragma unroll
    for (int i = 0; i < Mma::kB; ++i) b[n][i] = args.b[(lane * kN + n) * Mma::kB + i];
  }
  float* values = args.d + lane * kM * kN * Mma::kD;
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN; ++n) {
#pragma unroll
      for (int i = 0; i < Mma::kD; ++i) d[m][n][i] = values[(m * kN + n) * Mma::kD + i];
    }
  }
  warp_mma<Mma>(d, a, b);
#pragma unroll
  for (int m = 0; m < kM; ++m) {
#pragma unroll
    for (int n = 0; n < kN; ++n) {
#pragma unroll
      for (int i = 0; i < Mma::kD; ++i) values[(m * kN + n) * Mma::kD + i] = d[m][n][i];
    }
  }
}

template <int kM, int kN>
DeviceStatus launch_mma(MmaKind kind, const MmaArgs& args, Stream stream) {
  const LaunchConfig config{"mma", {1}, 32};
  switch (kind) {
    case MmaKind::kF16M8N8K4: return launch(mma_kernel<MmaF16M8N8K4, kM, kN>, config, stream, args);
    case MmaKind::kF16M8N8K4Twice:
      return launch(mma_kernel<MmaTwice<MmaF16M8N8K4>, kM, kN>, config, stream, args);
    case MmaKind::kF16M16N8K8:
      return launch(mma_kernel<MmaF16M16N8K8, kM, kN>, config, stream, args);
    case MmaKind::kF16M16N8K8Twice:
      return launch(mma_kernel<MmaTwice<MmaF16M16N8K8>, kM, kN>, config, stream, args);
    case MmaKind::kBf16M16N8K8:
      return launch(mma_kernel<MmaBf16M16N8K8, kM, kN>, config, stream, args);
    case MmaKind::kF16M16N8K16:
      return launch(mma_kernel<MmaF16M16N8K16, kM, kN>, config, stream, args);
    case MmaKind::kBf16M16N8K16:
      return launch(mma_kernel<MmaBf16M16N8K16, kM, kN>, config, stream, args);
    case MmaKind::kTf32M16N8K8:
      return launch(mma_kernel<MmaTf32M16N8K8, kM, kN>, config, stream, args);
  }
  return {DeviceCode::kInvalidArgument, "no such instruction"};
}

// --- ldmatrix
// ---------------------------------------------------------------------------------------
struct MatrixSmem {
  SharedArray<std::uint16_t, 4 * 8 * 8> matrices;
};

template <int kNum, bool kTranspose>
__global__ void __launch_bounds__(32) ldmatrix_kernel(const __grid_constant__ LdmatrixArgs args) {
  auto& smem = block_smem<MatrixSmem>();
  const int lane = lane_idx();
  st128(&smem.matrices[8 * lane], ld128(args.matrices + 8 * lane));
  warp_sync();
  std::uint32_t r[kNum];
  if constexpr (kTranspose) {
    ldmatrix_trans(r, &smem.matrices[8 * lane]);
  } else {
    ldmatrix(r, &smem.matrices[8 * lane]);
  }
#pragma unroll
  for (int i = 0; i < kNum; ++i) args.registers[4 * lane + i] = r[i];
}

// --- copies beside the thread
// -----------------------------------------------------------------------
constexpr int kNumStages = 3;

struct CopySmem {
  SharedArray<std::uint8_t, kNumStages * 32 * 16> stages;
};

template <bool kCached>
__global__ void __launch_bounds__(32)
    async_copy_kernel(const __grid_constant__ AsyncCopyArgs args) {
  auto& smem = block_smem<CopySmem>();
  const int lane = lane_idx();
#pragma unroll
  for (int stage = 0; stage < kNumStages; ++stage) {
    const int place = stage * 32 + lane;
    void* to = &smem.stages[16 * place];
    if constexpr (kCached) {
      async_copy_16_cached(to, args.source + 16 * place, args.num_bytes[place]);
    } else {
      async_copy_16(to, args.source + 16 * place, args.num_bytes[place]);
    }
    async_copy_commit();
  }
  const int other = 31 - lane;  // what another lane has copied
  async_copy_wait<2>();
  warp_sync();
  st128(args.result + 16 * other, ld128(&smem.stages[16 * other]));
  async_copy_wait<1>();
  warp_sync();
  st128(args.result + 16 * (32 + other), ld128(&smem.stages[16 * (32 + other)]));
  async_copy_wait<0>();
  warp_sync();
  st128(args.result + 16 * (64 + other), ld128(&smem.stages[16 * (64 + other)]));
}

// --- shuffles and votes
// -----------------------------------------------------------------------------
__global__ void __launch_bounds__(64) shuffle_kernel(const __grid_constant__ ShuffleArgs args) {
  const int thread = static_cast<int>(threadIdx.x);
  const std::int32_t value = args.values[thread];
  std::int32_t* results = args.results + 7 * thread;
  results[0] = warp_shuffle(value, args.sources[thread]);
  results[1] = warp_shuffle_xor(value, 1);
  results[2] = warp_shuffle_xor(value, 16);
  results[3] = warp_shuffle_up(value, 1);
  results[4] = warp_shuffle_up(value, 5);
  results[5] = warp_shuffle_down(value, 1);
  results[6] = warp_shuffle_down(value, 5);
  args.sums[2 * thread] = warp_sum(static_cast<float>(value));
  args.sums[2 * thread + 1] = warp_max(static_cast<float>(value));
}

__global__ void __launch_bounds__(64) vote_kernel(const __grid_constant__ VoteArgs args) {
  const int thread = static_cast<int>(threadIdx.x);
  const bool predicate = args.predicates[thread] != 0;
  args.results[3 * thread] = warp_ballot(predicate);
  args.results[3 * thread + 1] = warp_any(predicate) ? 1 : 0;
  args.results[3 * thread + 2] = warp_all(predicate) ? 1 : 0;
}

// --- atomics
// ----------------------------------------------------------------------------------------
struct AtomicSmem {
  int sum;
};

__global__ void __launch_bounds__(64) atomic_kernel(const __grid_constant__ AtomicArgs args) {
  auto& smem = block_smem<AtomicSmem>();
  const int place = static_cast<int>(blockIdx.x) * 64 + static_cast<int>(threadIdx.x);
  const std::int32_t value = args.values[place];
  if (threadIdx.x == 0) smem.sum = 0;
  __syncthreads();  // the sum is zero before anybody adds
  atomicAdd(&smem.sum, value);
  atomicAdd(&args.global[0], value);
  atomicMax(&args.global[1], value);
  atomicMin(&args.global[2], value);
  args.tickets[place] = atomicAdd(&args.global[3], 1);
  atomicOr(&args.bits[0], 1u << (static_cast<unsigned>(value) % 32));
  if (atomicCAS(&args.bits[1], 0u, static_cast<unsigned>(place) + 1) == 0u) {
    atomicExch(&args.bits[1], 1000u);  // only one thread finds 0
  }
  __syncthreads();  // all have added
  if (threadIdx.x == 0) args.block_sums[blockIdx.x] = smem.sum;
}

// --- barriers
// ---------------------------------------------------------------------------------------
struct HandOverSmem {
  SharedArray<float, 64> values;
};

__global__ void __launch_bounds__(128)
    named_barrier_kernel(const __grid_constant__ BarrierArgs args) {
  constexpr int kFull = 1, kEmpty = 2;
  auto& smem = block_smem<HandOverSmem>();
  const int thread = static_cast<int>(threadIdx.x);
  if (thread < 64) {  // producers
    smem.values[thread] = args.values[thread];
    barrier_arrive(kFull, 128);
    barrier_sync(kEmpty, 128);  // consumers have read the first values
    smem.values[thread] = args.values[64 + thread];
    barrier_arrive(kFull, 128);
  } else {  // consumers
    const int mine = 127 - thread;
    barrier_sync(kFull, 128);  // the first values are there
    args.results[mine] = smem.values[mine];
    barrier_arrive(kEmpty, 128);
    barrier_sync(kFull, 128);  // the second are
    args.results[64 + mine] = smem.values[mine];
  }
}

struct SumSmem {
  SharedArray<float, 4> partial;
};

__global__ void __launch_bounds__(128) block_sum_kernel(const __grid_constant__ BlockSumArgs args) {
  auto& smem = block_smem<SumSmem>();
  args.sums[threadIdx.x] = block_sum<4>(args.values[threadIdx.x], smem.partial);
}

// --- pairs of halves
// --------------------------------------------------------------------------------
__global__ void __launch_bounds__(128) half_kernel(const __grid_constant__ HalfArgs args) {
  const int i = static_cast<int>(blockIdx.x) * 128 + static_cast<int>(threadIdx.x);
  if (i >= args.n) return;
  const float2 a = unpack_half2(args.a[i]);
  args.results[4 * i] = half2_add(args.a[i], args.b[i]);
  args.results[4 * i + 1] = half2_mul(args.a[i], args.b[i]);
  args.results[4 * i + 2] = half2_fma(args.a[i], args.b[i], args.c[i]);
  args.results[4 * i + 3] = pack_half2(a.x, a.y);
}

}  // namespace

DeviceStatus run_mma(MmaKind kind, const MmaArgs& args, Stream stream) {
  return launch_mma<1, 1>(kind, args, stream);
}

DeviceStatus run_mma_tile(MmaKind kind, const MmaArgs& args, Stream stream) {
  return launch_mma<2, 3>(kind, args, stream);
}

DeviceStatus run_ldmatrix(int num_matrices, bool transpose, const LdmatrixArgs& args,
                          Stream stream) {
  const LaunchConfig config{"ldmatrix", {1}, 32, sizeof(MatrixSmem)};
  switch (num_matrices + (transpose ? 10 : 0)) {
    case 1: return launch(ldmatrix_kernel<1, false>, config, stream, args);
    case 2: return launch(ldmatrix_kernel<2, false>, config, stream, args);
    case 4: return launch(ldmatrix_kernel<4, false>, config, stream, args);
    case 11: return launch(ldmatrix_kernel<1, true>, config, stream, args);
    case 12: return launch(ldmatrix_kernel<2, true>, config, stream, args);
    case 14: return launch(ldmatrix_kernel<4, true>, config, stream, args);
    default: return {DeviceCode::kInvalidArgument, "ldmatrix loads 1, 2 or 4 matrices"};
  }
}

DeviceStatus run_async_copy(bool cached, const AsyncCopyArgs& args, Stream stream) {
  const LaunchConfig config{"async_copy", {1}, 32, sizeof(CopySmem)};
  return cached ? launch(async_copy_kernel<true>, config, stream, args)
                : launch(async_copy_kernel<false>, config, stream, args);
}

DeviceStatus run_shuffle(const ShuffleArgs& args, Stream stream) {
  return launch(shuffle_kernel, {"shuffle", {1}, 64}, stream, args);
}

DeviceStatus run_vote(const VoteArgs& args, Stream stream) {
  return launch(vote_kernel, {"vote", {1}, 64}, stream, args);
}

DeviceStatus run_atomic(int num_blocks, const AtomicArgs& args, Stream stream) {
  const LaunchConfig config{"atomic", {static_cast<unsigned>(num_blocks)}, 64, sizeof(AtomicSmem)};
  return launch(atomic_kernel, config, stream, args);
}

DeviceStatus run_named_barrier(const BarrierArgs& args, Stream stream) {
  return launch(named_barrier_kernel, {"named_barrier", {1}, 128, sizeof(HandOverSmem)}, stream,
                args);
}

DeviceStatus run_half(const HalfArgs& args, Stream stream) {
  const unsigned num_blocks = static_cast<unsigned>((args.n + 127) / 128);
  return launch(half_kernel, {"half", {num_blocks}, 128}, stream, args);
}

DeviceStatus run_block_sum(const BlockSumArgs& args, Stream stream) {
  return launch(block_sum_kernel, {"block_sum", {1}, 128, sizeof(SumSmem)}, stream, args);
}

namespace {

__global__ void __launch_bounds__(32) append_kernel(const __grid_constant__ AppendArgs args) {
  if (threadIdx.x == 0) {
    store(args.value, 2 * load<std::uint32_t>(args.value) + args.digit);
  }
}

}  // namespace

DeviceStatus run_append(const AppendArgs& args, GridSize cluster, bool overlap, Stream stream) {
  LaunchConfig config{"append", {1}, 32};
  config.cluster = cluster;
  config.overlap = overlap;
  return launch(append_kernel, config, stream, args);
}

}  // namespace nestor::test
