#include "kernels/device/async_copy.cuh"
#include "kernels/device/block.cuh"
#include "kernels/device/mma.cuh"
#include "kernels/device/vec.cuh"
#include "tests/simt/faults/faulty.h"

// One fault is an accumulator that nobody zeroed.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace nestor::test {
namespace {

// --- sum of 256 values
// ------------------------------------------------------------------------------
struct SumSmem {
  SharedArray<float, 8> partial;
};
struct ShortSumSmem {
  SharedArray<float, 7> partial;
};

template <Fault kFault, class Smem>
__global__ void __launch_bounds__(256) sum_kernel(const __grid_constant__ FaultyArgs args) {
  auto& smem = block_smem<Smem>();
  const int thread = static_cast<int>(threadIdx.x);
  if (kFault == Fault::kSumEarlyReturn && thread >= 250) return;
  float value = args.input[thread];
  if (kFault == Fault::kSumDivergentShuffle) {
    if (lane_idx() < 16) value += warp_shuffle_xor(value, 1);
  } else if (kFault == Fault::kSumWrongLane) {
    for (int distance = 16; distance > 0; distance /= 2) {
      value += warp_shuffle(value, lane_idx() + distance - 1);
    }
  } else {
    value = warp_sum(value);
  }
  if (lane_idx() == 0) smem.partial.begin()[warp_idx()] = value;
  if (kFault == Fault::kSumDivergentBarrier) {
    if (thread < 128) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  } else if (kFault == Fault::kSumWarpSkipsBarrier) {
    if (warp_idx() != 3) __syncthreads();
  } else if (kFault != Fault::kSumNoBarrier) {
    __syncthreads();  // partial sums are written
  }
  float sum = 0;
  for (int warp = 0; warp < 8; ++warp) sum += smem.partial.begin()[warp];
  args.output[thread] = sum;
}

// --- a product of halves, 32x16 a block, 2 warps of 16 rows
// -----------------------------------------
struct GemmSmem {
  static constexpr int kPitch = 16;  // halves of a row
  SharedArray<unsigned short, 2 * 32 * kPitch> a;
  SharedArray<unsigned short, 2 * 16 * kPitch> b;
};

template <Fault kFault>
__global__ void __launch_bounds__(64) gemm_kernel(const __grid_constant__ FaultyArgs args) {
  auto& smem = block_smem<GemmSmem>();
  constexpr int kPitch = GemmSmem::kPitch;
  const int thread = static_cast<int>(threadIdx.x), lane = lane_idx();
  const int first_row = static_cast<int>(blockIdx.x) * 32;
  const int num_slices = args.k / 16 + (kFault == Fault::kGemmWrongK ? 1 : 0);
  // Quadpair q of a warp has rows 8 (q & 1) and columns 8 (q / 2) of its 16x16.
  const int quadpair = lane % 16 / 4, t = lane % 4 + lane / 16 * 4;
  const int my_row = warp_idx() * 16 + 8 * (quadpair & 1), my_column = 8 * (quadpair / 2);
  float d[1][1][8];
  if (kFault != Fault::kGemmNotZeroed || args.k > 1000) {
    for (float& value : d[0][0]) value = 0;
  }
  for (int slice = 0; slice < num_slices; ++slice) {
    const int buffer = kFault == Fault::kGemmNoBarrierBeforeReuse ? 0 : slice % 2;
    const int row = thread / 2, column = thread % 2 * 8;
    const unsigned short* from = args.a + (first_row + row) * args.k + 16 * slice + column;
    if (kFault == Fault::kGemmMisaligned) from += 4;
    const uint4 zero = make_uint4(0, 0, 0, 0);
    st128(&smem.a[(buffer * 32 + row) * kPitch + column],
          first_row + row < args.num_rows ? ld128(from) : zero);
    if (thread < 32) {
      st128(&smem.b[(buffer * 16 + row) * kPitch + column],
            ld128(args.b + row * args.k + 16 * slice + column));
    }
    if (kFault != Fault::kGemmNoBarrierAfterStore) {
      __syncthreads();  // the slice is stored
    }
    for (int k = 0; k < 16; k += 8) {
      const uint4 a4 = ld128(&smem.a[(buffer * 32 + my_row + t) * kPitch + k]);
      const uint4 b4 = ld128(&smem.b[(buffer * 16 + my_column + t) * kPitch + k]);
      const std::uint32_t a[1][4] = {{a4.x, a4.y, a4.z, a4.w}};
      const std::uint32_t b[1][4] = {{b4.x, b4.y, b4.z, b4.w}};
      warp_mma<MmaTwice<MmaF16M8N8K4>>(d, a, b);
    }
  }
  for (int v = 0; v < 8; ++v) {
    const int row = first_row + my_row + (lane & 1) + (v & 2) + lane / 16 * 4;
    const int column = my_column + (v & 4) + (lane & 2) + (v & 1);
    if (row < args.num_rows || kFault == Fault::kGemmRowsNotGuarded) {
      args.c[row * 16 + column] = d[0][0][v];
    }
  }
}

// --- a pipeline of three stages: sums over slices of 64 values
// ---------------------------------------
constexpr int kStages = 3;
constexpr int kSlices = 4;

struct PipeSmem {
  SharedArray<float, kStages * 64> stages;
};

template <Fault kFault>
__device__ void copy_slice(PipeSmem& smem, const FaultyArgs& args, int slice) {
  const int thread = static_cast<int>(threadIdx.x);
  if (slice < kSlices && thread < 16) {
    // The last 4 values of each slice are padding.
    const bool padding = thread == 15;
    if (!(padding && kFault == Fault::kPipeSkipsPadding)) {
      async_copy_16(&smem.stages[slice % kStages * 64 + 4 * thread],
                    args.input + 64 * slice + 4 * thread, padding ? 0 : 16);
    }
  }
  async_copy_commit();
}

template <Fault kFault>
__global__ void __launch_bounds__(64) pipe_kernel(const __grid_constant__ FaultyArgs args) {
  auto& smem = block_smem<PipeSmem>();
  const int thread = static_cast<int>(threadIdx.x);
  copy_slice<kFault>(smem, args, 0);
  copy_slice<kFault>(smem, args, 1);
  float sum = 0;
  for (int slice = 0; slice < kSlices; ++slice) {
    if (kFault == Fault::kPipeWaitsForOneLess) {
      async_copy_wait<2>();
    } else if (kFault != Fault::kPipeNoWait) {
      async_copy_wait<1>();
    }
    if (kFault != Fault::kPipeNoBarrier) {
      __syncthreads();  // slice is there, and the stage of slice - 1 may be written
    }
    if (kFault == Fault::kPipeStageTooEarly) {
      copy_slice<kFault>(smem, args, slice + 3);
    } else {
      copy_slice<kFault>(smem, args, slice + 2);
    }
    sum += smem.stages[slice % kStages * 64 + (thread * 5 + 1) % 64];
  }
  if (kFault != Fault::kPipeEndsInFlight) {
    async_copy_wait<0>();
  } else {
    if (thread == 0) async_copy_16(&smem.stages[64], args.input, 16);
    async_copy_commit();
  }
  args.output[thread] = sum;
}

// --- within a warp
// ----------------------------------------------------------------------------------
struct ExchangeSmem {
  SharedArray<float, 32> values;
};

template <Fault kFault>
__global__ void __launch_bounds__(32) exchange_kernel(const __grid_constant__ FaultyArgs args) {
  auto& smem = block_smem<ExchangeSmem>();
  const int lane = lane_idx();
  smem.values[lane] = args.input[lane];
  float factor = 1;
  if (kFault == Fault::kExchangeRight) warp_sync();
  if (kFault == Fault::kExchangeShuffleIsNoBarrier) factor = warp_shuffle(factor, 0);
  args.output[lane] = smem.values[lane ^ 1] * factor;
}

// --- between blocks
// ---------------------------------------------------------------------------------
struct LastBlockSmem {
  bool is_last;
};

template <Fault kFault>
__global__ void __launch_bounds__(64) last_block_kernel(const __grid_constant__ FaultyArgs args) {
  auto& smem = block_smem<LastBlockSmem>();
  const int thread = static_cast<int>(threadIdx.x), block = static_cast<int>(blockIdx.x);
  const int num_blocks = static_cast<int>(gridDim.x);
  args.scratch[64 * block + thread] = args.input[64 * block + thread];
  __syncthreads();  // the block's values are written before thread 0 says so
  if (thread == 0) {
    if (kFault != Fault::kLastBlockNoFence) __threadfence();
    smem.is_last = kFault == Fault::kLastBlockNoAtomic
                       ? block == num_blocks - 1
                       : atomicAdd(args.counter, 1u) == gridDim.x - 1;
    if (kFault != Fault::kLastBlockNoAcquire) __threadfence();
  }
  __syncthreads();  // all know whether they are the last
  if (smem.is_last) {
    float sum = 0;
    for (int i = 0; i < num_blocks; ++i) sum += args.scratch[64 * i + thread];
    args.output[thread] = sum;
  }
}

__global__ void __launch_bounds__(32) same_address_kernel(const __grid_constant__ FaultyArgs args) {
  args.output[lane_idx()] = static_cast<float>(blockIdx.x);
}

template <Fault kFault>
__global__ void __launch_bounds__(64) global_kernel(const __grid_constant__ FaultyArgs args) {
  const int thread = static_cast<int>(threadIdx.x);
  args.scratch[thread] = args.input[thread];
  if (kFault == Fault::kGlobalExchangeRight) {
    __syncthreads();  // scratch is written
  }
  args.output[thread] = args.scratch[63 - thread];
}

// --- others
// -----------------------------------------------------------------------------------------
struct ArraysSmem {
  SharedArray<float, 64> first;
  SharedArray<int, 64> second;
};

template <Fault kFault>
__global__ void __launch_bounds__(64) array_kernel(const __grid_constant__ FaultyArgs args) {
  auto& smem = block_smem<ArraysSmem>();
  const int thread = static_cast<int>(threadIdx.x);
  const bool skip =
      kFault == Fault::kUninitialisedShared || kFault == Fault::kUninitialisedSharedInt;
  if (!(skip && thread == 63)) {
    smem.first[thread] = args.input[thread];
    smem.second[thread] = thread;
  }
  __syncthreads();  // both arrays are written
  const int other = kFault == Fault::kIndexOutOfBounds ? thread + 1 : 63 - thread;
  if (kFault == Fault::kUninitialisedSharedInt) {
    args.output[thread] = smem.second[other] < 0 ? 0.0f : 1.0f;
  } else {
    const float value = smem.first[other];
    args.output[thread] = value > 0.0f ? value : 0.0f;
  }
}

__global__ void __launch_bounds__(64) global_read_kernel(const __grid_constant__ FaultyArgs args) {
  args.output[threadIdx.x] = args.scratch[threadIdx.x] > 0.0f ? 1.0f : 0.0f;
}

__global__ void __launch_bounds__(64) bounds_kernel(const __grid_constant__ FaultyArgs args) {
  args.output[200 + threadIdx.x] = 1.0f;
}

__global__ void __launch_bounds__(96) barrier_kernel(const __grid_constant__ FaultyArgs args) {
  if (warp_idx() < 2) barrier_sync(1, 96);
  args.output[threadIdx.x] = 1.0f;
}

struct HistogramSmem {
  SharedArray<int, 16> counts;
};

template <Fault kFault>
__global__ void __launch_bounds__(64) histogram_kernel(const __grid_constant__ FaultyArgs args) {
  auto& smem = block_smem<HistogramSmem>();
  const int thread = static_cast<int>(threadIdx.x);
  if (kFault == Fault::kRightHistogram && thread < 16) smem.counts[thread] = 0;
  __syncthreads();  // counts are zero
  atomicAdd(&smem.counts[thread % 16], 1);
  __syncthreads();  // all have counted
  if (thread < 16) args.output[thread] = static_cast<float>(smem.counts[thread]);
}

template <Fault kFault>
DeviceStatus launch_sum(const FaultyArgs& args, Stream stream) {
  LaunchConfig config{"sum", {1}, 256, sizeof(SumSmem)};
  if (kFault == Fault::kSumShortSmem) config.shared_bytes = 16;
  if (kFault == Fault::kSumShortArray) {
    config.shared_bytes = sizeof(ShortSumSmem);
    return launch(sum_kernel<kFault, ShortSumSmem>, config, stream, args);
  }
  return launch(sum_kernel<kFault, SumSmem>, config, stream, args);
}

template <Fault kFault>
DeviceStatus launch_gemm(const FaultyArgs& args, Stream stream) {
  return launch(gemm_kernel<kFault>, {"gemm", {2}, 64, sizeof(GemmSmem)}, stream, args);
}

template <Fault kFault>
DeviceStatus launch_pipe(const FaultyArgs& args, Stream stream) {
  return launch(pipe_kernel<kFault>, {"pipe", {1}, 64, sizeof(PipeSmem)}, stream, args);
}

template <Fault kFault>
DeviceStatus launch_exchange(const FaultyArgs& args, Stream stream) {
  return launch(exchange_kernel<kFault>, {"exchange", {1}, 32, sizeof(ExchangeSmem)}, stream, args);
}

template <Fault kFault>
DeviceStatus launch_last_block(const FaultyArgs& args, Stream stream) {
  return launch(last_block_kernel<kFault>, {"last_block", {4}, 64, sizeof(LastBlockSmem)}, stream,
                args);
}

template <Fault kFault>
DeviceStatus launch_array(const FaultyArgs& args, Stream stream) {
  return launch(array_kernel<kFault>, {"array", {1}, 64, sizeof(ArraysSmem)}, stream, args);
}

template <Fault kFault>
DeviceStatus launch_global(const FaultyArgs& args, Stream stream) {
  return launch(global_kernel<kFault>, {"global", {1}, 64}, stream, args);
}

template <Fault kFault>
DeviceStatus launch_histogram(const FaultyArgs& args, Stream stream) {
  return launch(histogram_kernel<kFault>, {"histogram", {1}, 64, sizeof(HistogramSmem)}, stream,
                args);
}

DeviceStatus launch_same_address(const FaultyArgs& args, Stream stream) {
  return launch(same_address_kernel, {"same_address", {2}, 32}, stream, args);
}

DeviceStatus launch_global_read(const FaultyArgs& args, Stream stream) {
  return launch(global_read_kernel, {"global_read", {1}, 64}, stream, args);
}

DeviceStatus launch_bounds(const FaultyArgs& args, Stream stream) {
  return launch(bounds_kernel, {"bounds", {1}, 64}, stream, args);
}

DeviceStatus launch_barrier(const FaultyArgs& args, Stream stream) {
  return launch(barrier_kernel, {"barrier", {1}, 96}, stream, args);
}

struct Launcher {
  Fault fault;
  DeviceStatus (*launch)(const FaultyArgs& args, Stream stream);
};

const Launcher kLaunchers[] = {
    {Fault::kSumRight, launch_sum<Fault::kSumRight>},
    {Fault::kSumNoBarrier, launch_sum<Fault::kSumNoBarrier>},
    {Fault::kSumShortArray, launch_sum<Fault::kSumShortArray>},
    {Fault::kSumDivergentShuffle, launch_sum<Fault::kSumDivergentShuffle>},
    {Fault::kSumDivergentBarrier, launch_sum<Fault::kSumDivergentBarrier>},
    {Fault::kSumWarpSkipsBarrier, launch_sum<Fault::kSumWarpSkipsBarrier>},
    {Fault::kSumEarlyReturn, launch_sum<Fault::kSumEarlyReturn>},
    {Fault::kSumWrongLane, launch_sum<Fault::kSumWrongLane>},
    {Fault::kSumShortSmem, launch_sum<Fault::kSumShortSmem>},
    {Fault::kGemmRight, launch_gemm<Fault::kGemmRight>},
    {Fault::kGemmNoBarrierAfterStore, launch_gemm<Fault::kGemmNoBarrierAfterStore>},
    {Fault::kGemmNoBarrierBeforeReuse, launch_gemm<Fault::kGemmNoBarrierBeforeReuse>},
    {Fault::kGemmNotZeroed, launch_gemm<Fault::kGemmNotZeroed>},
    {Fault::kGemmWrongK, launch_gemm<Fault::kGemmWrongK>},
    {Fault::kGemmRowsNotGuarded, launch_gemm<Fault::kGemmRowsNotGuarded>},
    {Fault::kGemmMisaligned, launch_gemm<Fault::kGemmMisaligned>},
    {Fault::kPipeRight, launch_pipe<Fault::kPipeRight>},
    {Fault::kPipeWaitsForOneLess, launch_pipe<Fault::kPipeWaitsForOneLess>},
    {Fault::kPipeNoWait, launch_pipe<Fault::kPipeNoWait>},
    {Fault::kPipeNoBarrier, launch_pipe<Fault::kPipeNoBarrier>},
    {Fault::kPipeSkipsPadding, launch_pipe<Fault::kPipeSkipsPadding>},
    {Fault::kPipeEndsInFlight, launch_pipe<Fault::kPipeEndsInFlight>},
    {Fault::kPipeStageTooEarly, launch_pipe<Fault::kPipeStageTooEarly>},
    {Fault::kExchangeRight, launch_exchange<Fault::kExchangeRight>},
    {Fault::kExchangeNoSync, launch_exchange<Fault::kExchangeNoSync>},
    {Fault::kExchangeShuffleIsNoBarrier, launch_exchange<Fault::kExchangeShuffleIsNoBarrier>},
    {Fault::kLastBlockRight, launch_last_block<Fault::kLastBlockRight>},
    {Fault::kLastBlockNoFence, launch_last_block<Fault::kLastBlockNoFence>},
    {Fault::kLastBlockNoAtomic, launch_last_block<Fault::kLastBlockNoAtomic>},
    {Fault::kLastBlockNoAcquire, launch_last_block<Fault::kLastBlockNoAcquire>},
    {Fault::kUninitialisedShared, launch_array<Fault::kUninitialisedShared>},
    {Fault::kUninitialisedSharedInt, launch_array<Fault::kUninitialisedSharedInt>},
    {Fault::kIndexOutOfBounds, launch_array<Fault::kIndexOutOfBounds>},
    {Fault::kGemmHostPointer, launch_gemm<Fault::kGemmRight>},
    {Fault::kNewerInstruction, launch_pipe<Fault::kPipeRight>},
    {Fault::kRightHistogram, launch_histogram<Fault::kRightHistogram>},
    {Fault::kHistogramNotZeroed, launch_histogram<Fault::kHistogramNotZeroed>},
    {Fault::kGlobalExchangeRight, launch_global<Fault::kGlobalExchangeRight>},
    {Fault::kGlobalExchangeNoBarrier, launch_global<Fault::kGlobalExchangeNoBarrier>},
    {Fault::kBlocksWriteSameAddress, launch_same_address},
    {Fault::kUninitialisedGlobal, launch_global_read},
    {Fault::kOutOfBoundsGlobal, launch_bounds},
    {Fault::kNamedBarrierWrongCount, launch_barrier},
};

}  // namespace

DeviceStatus run_faulty(Fault fault, const FaultyArgs& args, Stream stream) {
  for (const Launcher& launcher : kLaunchers) {
    if (launcher.fault == fault) return launcher.launch(args, stream);
  }
  return {DeviceCode::kInvalidArgument, "no such fault"};
}

}  // namespace nestor::test
