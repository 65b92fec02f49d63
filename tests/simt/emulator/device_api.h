#pragma once
// What kernel code calls in the emulator: the emulated twins of the functions in kernels/device.
// All of these run on the fiber of one CUDA thread.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "emulator/call_site.h"

namespace nestor::simt {

// --- the running thread
// ---------------------------------------------------------------------------
struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

struct ThreadView {
  Index3 index;
  int lane = 0;
};

struct BlockView {
  Index3 index, num_threads, grid;
};

// __thread and not thread_local: no call to an initialisation in each access.
extern __thread ThreadView* current_thread __attribute__((tls_model("initial-exec")));
extern __thread BlockView* current_block __attribute__((tls_model("initial-exec")));

inline int current_lane() { return current_thread->lane; }

// --- warps
// ------------------------------------------------------------------------------------------ All
// lanes of a warp meet; the last one to come runs `operation` on the 32 arguments.
using WarpOperation = void (*)(void* const* arguments, const CallSite& site);
void warp_meet(const char* name, WarpOperation operation, void* argument, const CallSite& site);

void warp_sync(const CallSite& site);
std::uint32_t warp_ballot(bool predicate, const char* name, const CallSite& site);

template <class T>
T warp_shuffle(T value, int source, const char* name, const CallSite& site) {
  struct Argument {
    T value;
    int source;
    T result;
  };
  Argument argument{value, source, value};
  const WarpOperation operation = [](void* const* arguments, const CallSite&) {
    for (int lane = 0; lane < 32; ++lane) {
      auto& mine = *static_cast<Argument*>(arguments[lane]);
      mine.result = static_cast<const Argument*>(arguments[mine.source])->value;
    }
  };
  warp_meet(name, operation, &argument, site);
  return argument.result;
}

enum class Mma { kF16M8N8K4, kF16M16N8K8, kBf16M16N8K8, kF16M16N8K16, kBf16M16N8K16, kTf32M16N8K8 };

// d[rows][columns] += a[rows] * b[columns], `steps` times along k. Fragments lie one behind the
// other.
void warp_mma(Mma mma, int steps, int rows, int columns, float* d, const std::uint32_t* a,
              const std::uint32_t* b, const CallSite& site);
void ldmatrix(std::uint32_t* registers, int num_matrices, bool transpose, const void* row,
              const CallSite& site);

// --- blocks
// -----------------------------------------------------------------------------------------
void syncthreads(const CallSite& site);
void named_barrier(int barrier, int num_threads, bool wait, const char* name, const CallSite& site);

// --- memory
// -----------------------------------------------------------------------------------------
void* block_memory(std::size_t num_bytes, std::size_t alignment, bool& first, const CallSite& site);
void add_shared_gap(const void* begin, std::size_t num_bytes);
void check_smem_size(const CallSite& site);  // all gaps are known
[[noreturn, gnu::cold, gnu::noinline]] void fail_index(int index, int size);

inline void check_index(int index, int size) {
  if (static_cast<unsigned>(index) >= static_cast<unsigned>(size)) fail_index(index, size);
}

// A row of banks, so that what lies behind it keeps its banks. It begins with the first byte behind
// the array.
struct SharedGap {
  SharedGap() { add_shared_gap(bytes, sizeof bytes); }
  unsigned char bytes[128];
};

// Not inlined: a fresh object's memory is indeterminate to the compiler, and the NaNs must be read.
template <class Smem>
[[gnu::noinline]] void construct_smem(void* memory) {
  new (memory) Smem;
}

template <class Smem>
Smem& block_smem(const CallSite& site) {
  bool first = false;
  void* memory = block_memory(sizeof(Smem), alignof(Smem), first, site);
  if (first) {
    construct_smem<Smem>(memory);
    check_smem_size(site);
  }
  return *static_cast<Smem*>(memory);
}

// An access of 4, 8 or 16 bytes: alignment, bounds, counters and, in race builds, races.
void check_access(const void* address, std::size_t num_bytes, bool write, const CallSite& site);
// Copies where the compiler does not report: it would tell of a wide access in pieces of 4 bytes.
void copy_unreported(void* to, const void* from, std::size_t num_bytes);

template <class T>
T load(const void* address, const CallSite& site) {
  check_access(address, sizeof(T), /*write=*/false, site);
  T value;
#ifdef NESTOR_SIMT_RACE
  copy_unreported(&value, address, sizeof(T));
#else
  std::memcpy(&value, address, sizeof(T));
#endif
  return value;
}

template <class T>
void store(void* address, const T& value, const CallSite& site) {
  check_access(address, sizeof(T), /*write=*/true, site);
#ifdef NESTOR_SIMT_RACE
  copy_unreported(address, &value, sizeof(T));
#else
  std::memcpy(address, &value, sizeof(T));
#endif
}

void async_copy_16(void* shared, const void* global, int num_bytes, const CallSite& site);
void async_copy_commit(const CallSite& site);
void async_copy_wait(int num_groups, const CallSite& site);

void threadfence(const CallSite& site);

enum class Atomic { kAdd, kMaxSigned, kMaxUnsigned, kMinSigned, kMinUnsigned, kOr, kExchange };
std::uint32_t atomic(Atomic operation, void* address, std::uint32_t value, const CallSite& site);
std::uint32_t atomic_cas(void* address, std::uint32_t expected, std::uint32_t value,
                         const CallSite& site);

[[noreturn]] void trap(const CallSite& site);

}  // namespace nestor::simt
