#pragma once
// Runs the blocks of a launch, one at a time: one fiber a CUDA thread, switched by the scheduler
// below.
//
// A thread runs until it has to wait for others. Whatever it does wrong is reported at once with
// the thread, block, kernel and place in the source; the block is then abandoned.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emulator/build.h"
#include "emulator/counters.h"
#include "emulator/device_api.h"
#include "emulator/fiber.h"
#include "emulator/memory.h"
#include "emulator/options.h"
#include "emulator/race.h"

namespace nestor::simt {

// A kernel with its arguments.
struct Launch {
  const char* name = "";
  Index3 grid, cluster{1, 1, 1};
  int num_threads = 0;
  int shared_bytes = 0;
  void* kernel = nullptr;
  void (*call)(void* kernel, const void* args) = nullptr;
  std::vector<unsigned char> args;
};

constexpr int kMaxThreads = 1024;
constexpr std::size_t kMaxSharedBytes = 256 * 1024;  // of any architecture, with gaps
constexpr std::size_t kArenaGap = 1024;              // behind what a launch asks for

// The most that a block of the architecture may have.
int shared_limit(int sm);

class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void begin_launch(const Launch& launch, const Options& options,
                    DeviceMemory::Snapshot allocations);
  // False if something was wrong; then report() says what, and no further block is run.
  bool run_block(std::uint32_t block);
  const std::string& report() const { return report_; }
  const KernelCounters& counters() const { return counters_; }

  // --- called on fibers of this worker ---
  [[noreturn]] void fail(const std::string& what, const char* name, const CallSite& site);
  void warp_meet(const char* name, WarpOperation operation, void* argument, const CallSite& site);
  void warp_sync(const CallSite& site);
  void syncthreads(const CallSite& site);
  void named_barrier(int barrier, int num_threads, bool wait, const char* name,
                     const CallSite& site);
  void* block_memory(std::size_t num_bytes, std::size_t alignment, bool& first,
                     const CallSite& site);
  void add_shared_gap(const void* begin, std::size_t num_bytes);
  void check_smem_size(const CallSite& site);
  void check_access(const void* address, std::size_t num_bytes, bool write, const CallSite& site);
  void read_matrix_row(const void* row, const char* name, const CallSite& site);
  void async_copy_16(void* shared, const void* global, int num_bytes, const CallSite& site);
  void async_copy_commit();
  void async_copy_wait(int num_groups);
  void threadfence();
  void check_atomic(void* address, const CallSite& site);
  void require_sm(int sm, const char* name, const CallSite& site);
  void count_mma(int num) { counters_.mma += num; }
  void count_shared(const std::array<std::uint64_t, 32>& addresses, std::uint32_t mask,
                    int num_bytes);
  bool counts_accesses() const { return options_.count_accesses; }
  // A load or store that the compiler told us of (race build).
  void observe_access(const void* address, std::size_t num_bytes, bool write, const void* pc);
  // Whether the address is a thread's own: its stack, its arguments, its index.
  bool owns(const void* address) const;
  // Whether it is in shared memory or in the allocation accessed last.
  bool knows(const void* address) const;

 private:
  enum class State : std::uint8_t { kReady, kInWarp, kAtBarrier, kDone };

  struct AsyncCopy {
    unsigned char* shared;
    const unsigned char* global;
    int num_bytes;  // of 16; the rest is zero
  };

  struct Thread : ThreadView {  // what kernels see is its first part
    Fiber fiber;
    int idx = 0, warp = 0;
    State state = State::kDone;
    const char* waits_in = "";
    CallSite site;
    std::vector<AsyncCopy> copies;    // issued and not waited for, the oldest first
    std::vector<std::size_t> groups;  // copies before the end of each group
  };

  struct Warp {
    std::uint32_t ready = 0, at_barrier = 0, exited = 0;
    // Lanes that have met so far, and in what.
    std::uint32_t arrived = 0;
    const char* name = "";
    WarpOperation operation = nullptr;
    CallSite site;
    std::array<void*, 32> arguments{};
  };

  struct Barrier {
    int num_arrived = 0;
    int num_expected = 0;
    const char* name = "";
    CallSite site;
    std::vector<int> waiting;  // threads
    std::uint32_t warps = 0;   // that have arrived, wholly
    RaceDetector::View view{};
  };

  struct Gap {
    const unsigned char* begin;
    const unsigned char* end;
  };

  enum class Space { kShared, kGlobal };
  struct Place {
    Space space;
    std::size_t offset;                      // in the arena or in the allocation
    const Allocation* allocation = nullptr;  // of global memory
  };

  static void thread_main();
  void start_fiber(Thread& thread);
  void thread_exits();
  Thread& running() { return *static_cast<Thread*>(current_thread); }
  Thread* pick();
  void suspend();  // the running thread, which is not ready any more
  void set_ready(int warp, std::uint32_t lanes);
  void clear_ready(const Thread& thread);
  void reset_block(std::uint32_t block);
  void open_barrier(Barrier& barrier);
  void check_gaps();
  std::string deadlock() const;
  std::string describe(const Thread& thread) const;

  // Where an access lies; reports one that is out of bounds, misaligned or to memory of the host.
  Place locate(const void* address, std::size_t num_bytes, std::size_t alignment, bool write,
               const char* name, const CallSite& site);
  void track(const Place& place, std::size_t num_bytes, AccessKind kind, const char* name,
             const CallSite& site);
  void count_access(const Place& place, const void* address, std::size_t num_bytes,
                    const CallSite& site);
  void do_copy(const AsyncCopy& copy);

  std::unique_ptr<Thread[]> threads_;
  std::array<Warp, kMaxThreads / 32> warps_;
  std::array<Barrier, 16> barriers_;
  std::uint32_t ready_warps_ = 0;
  int num_threads_ = 0, num_live_ = 0;
  Fiber main_;
  char* stacks_ = nullptr;

  unsigned char* arena_ = nullptr;  // shared memory
  std::size_t smem_bytes_ = 0;      // of it that block_smem() gave out
  std::size_t gap_bytes_ = 0;
  std::vector<Gap> gaps_;

  const Launch* launch_ = nullptr;
  Options options_;
  DeviceMemory::Snapshot allocations_;
  std::array<const Allocation*, 4> recent_{};  // allocations accessed lately
  std::size_t next_recent_ = 0;
  BlockView block_;
  std::uint64_t random_ = 0;
  bool failed_ = false;
  std::string report_;
  KernelCounters counters_;
  AccessCounter accesses_;
  std::unique_ptr<RaceDetector> race_;
};

// The worker that runs on this thread of the operating system, or null.
extern __thread Worker* current_worker __attribute__((tls_model("initial-exec")));

}  // namespace nestor::simt
