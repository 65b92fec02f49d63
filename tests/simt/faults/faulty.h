#pragma once
// Small kernels, each right or with one fault that the emulator must find.

#include "kernels/device/launch.h"

namespace nestor::test {

enum class Fault {
  // sum of 256 values by a block: shared memory, barriers, shuffles
  kSumRight,
  kSumNoBarrier,         // partial sums are read before they are written
  kSumShortArray,        // one element less than there are warps
  kSumDivergentShuffle,  // a shuffle in a branch that some lanes take
  kSumDivergentBarrier,  // two __syncthreads() in two branches
  kSumWarpSkipsBarrier,  // one warp does not come
  kSumEarlyReturn,       // threads return before the barrier
  kSumWrongLane,         // reads what another lane has (wrong values, nothing illegal)
  kSumShortSmem,         // the launch asks for less shared memory than Smem has
  // a matrix product with tensor cores and double-buffered shared memory
  kGemmRight,
  kGemmNoBarrierAfterStore,   // fragments are loaded before all have stored
  kGemmNoBarrierBeforeReuse,  // a buffer is written while others read it
  kGemmNotZeroed,             // accumulators start with anything
  kGemmWrongK,                // reads beyond the last slice of k
  kGemmRowsNotGuarded,        // stores rows that there are not
  kGemmMisaligned,            // 16 bytes at an address of 8
  kGemmHostPointer,
  // async copies through three stages
  kPipeRight,
  kPipeWaitsForOneLess,
  kPipeNoWait,
  kPipeNoBarrier,
  kPipeSkipsPadding,   // does not copy where it should fill with zeros
  kPipeEndsInFlight,   // copies are on their way at the end
  kPipeStageTooEarly,  // overwrites the stage that is being read
  // exchange within a warp
  kExchangeRight,
  kExchangeNoSync,
  kExchangeShuffleIsNoBarrier,
  // exchange between blocks: the last to arrive adds what all have written
  kLastBlockRight,
  kLastBlockNoFence,
  kLastBlockNoAtomic,
  kLastBlockNoAcquire,
  kBlocksWriteSameAddress,
  // global memory within a block
  kGlobalExchangeRight,
  kGlobalExchangeNoBarrier,
  // others
  kUninitialisedShared,  // hidden by a comparison that NaN passes
  kUninitialisedSharedInt,
  kUninitialisedGlobal,
  kOutOfBoundsGlobal,
  kIndexOutOfBounds,
  kNamedBarrierWrongCount,  // waits for a warp that never comes
  kNewerInstruction,        // async copies on sm_70
  kRightHistogram,          // atomics on shared memory
  kHistogramNotZeroed,
};

struct FaultyArgs {
  const float* input;       // [256]
  float* output;            // [256]
  float* scratch;           // [1024], not initialised
  unsigned* counter;        // [1], zero
  const unsigned short* a;  // [48][64] halves; 48 rows, of which the last tile has 16
  const unsigned short* b;  // [16][64]
  float* c;                 // [48][16]
  int num_rows;             // 48
  int k;                    // 64
};

DeviceStatus run_faulty(Fault fault, const FaultyArgs& args, Stream stream);

}  // namespace nestor::test
