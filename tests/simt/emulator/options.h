#pragma once
// How the emulator runs kernels. A fault may show in one schedule only, so tests run several.

#include <cstdint>
#include <string>
#include <vector>

namespace nestor::simt {

enum class Order {
  kForward,  // the lowest ready thread first, blocks ascending
  kReverse,  // the highest first, blocks descending
  kRandom,   // by the seed
};

struct Options {
  Order order = Order::kForward;
  std::uint64_t seed = 1;
  // When copies beside the thread take effect: at the wait, or when they are issued.
  bool eager_copies = false;
  // When the work of a stream is done: when somebody waits for it, or when it is given.
  bool eager_streams = false;
  int num_workers = 1;  // blocks that run side by side; races between blocks are found with 1 only
  int sm = 80;          // what instructions there are, and how much shared memory
  // Count shared wavefronts and global sectors (some 20 ns an access).
  bool count_accesses = false;
  // Bytes that can be allocated.
  std::size_t memory_bytes = std::size_t{16} << 30;

  // From NESTOR_SIMT_ORDER=forward|reverse|random, _SEED, _COPIES=lazy|eager, _STREAMS=lazy|eager,
  // _WORKERS and _SM; throws std::invalid_argument for other values.
  static Options from_environment();
};

// "sm_80 reverse lazy"; for messages of tests.
std::string to_string(const Options& options);

// Schedules that differ in what they bring to light, of the same architecture.
std::vector<Options> schedules(Options base);

}  // namespace nestor::simt
