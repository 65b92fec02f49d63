#pragma once
// Kernels that execute one wrapped instruction on registers that the test gives and sees.

#include <cstdint>

#include "kernels/device/launch.h"

namespace nestor::test {

// Registers of 32 lanes, one lane behind the other.
struct MmaArgs {
  const std::uint32_t* a;
  const std::uint32_t* b;
  float* d;  // accumulated to
};

enum class MmaKind {
  kF16M8N8K4,
  kF16M8N8K4Twice,
  kF16M16N8K8,
  kF16M16N8K8Twice,
  kBf16M16N8K8,
  kF16M16N8K16,
  kBf16M16N8K16,
  kTf32M16N8K8,
};
DeviceStatus run_mma(MmaKind kind, const MmaArgs& args, Stream stream);

// The same on a tile of 2x3 products: a[lane][2][...], b[lane][3][...], d[lane][2][3][...].
DeviceStatus run_mma_tile(MmaKind kind, const MmaArgs& args, Stream stream);

struct LdmatrixArgs {
  const std::uint16_t* matrices;  // [4][8][8]
  std::uint32_t* registers;       // [32][4]
};
DeviceStatus run_ldmatrix(int num_matrices, bool transpose, const LdmatrixArgs& args,
                          Stream stream);

// 32 lanes copy 16 bytes each, lane i in group i % 3, of which `num_bytes[lane]` are there.
struct AsyncCopyArgs {
  const std::uint8_t* source;     // [3][32][16]
  const std::int32_t* num_bytes;  // [3][32]
  std::uint8_t* result;  // [3][32][16]: stage s is read when at most 2 - s groups are on their way
};
DeviceStatus run_async_copy(bool cached, const AsyncCopyArgs& args, Stream stream);

struct ShuffleArgs {
  const std::int32_t* values;   // [64], of two warps
  const std::int32_t* sources;  // [64]
  std::int32_t* results;        // [64][7]: shuffle, xor 1, xor 16, up 1, up 5, down 1, down 5
  float* sums;                  // [64][2]: warp_sum and warp_max of the values
};
DeviceStatus run_shuffle(const ShuffleArgs& args, Stream stream);

struct VoteArgs {
  const std::int32_t* predicates;  // [64]
  std::uint32_t* results;          // [64][3]: ballot, any, all
};
DeviceStatus run_vote(const VoteArgs& args, Stream stream);

struct AtomicArgs {
  const std::int32_t* values;  // [grid * 64]
  std::int32_t* global;        // [4] sum, max, min, tickets
  std::uint32_t* bits;         // [2] or, swaps that found 0
  std::int32_t* block_sums;    // [grid], by atomics on shared memory
  std::int32_t* tickets;       // [grid * 64]: what each thread's increment found
};
DeviceStatus run_atomic(int num_blocks, const AtomicArgs& args, Stream stream);

struct BarrierArgs {
  const float* values;  // [128]
  float* results;       // [128]
};
// Warps 0 and 1 hand values to warps 2 and 3 by two barriers, twice.
DeviceStatus run_named_barrier(const BarrierArgs& args, Stream stream);

struct HalfArgs {
  const std::uint32_t* a;
  const std::uint32_t* b;
  const std::uint32_t* c;
  std::uint32_t* results;  // [n][4]: add, mul, fma, pack of unpacked a
  int n;
};
DeviceStatus run_half(const HalfArgs& args, Stream stream);

struct BlockSumArgs {
  const float* values;  // [128]
  float* sums;          // [128]
};
DeviceStatus run_block_sum(const BlockSumArgs& args, Stream stream);

// One thread: value = 2 * value + digit, so that the value tells the order of launches.
struct AppendArgs {
  std::uint32_t* value;
  std::uint32_t digit;
};
DeviceStatus run_append(const AppendArgs& args, GridSize cluster, bool overlap, Stream stream);

}  // namespace nestor::test
