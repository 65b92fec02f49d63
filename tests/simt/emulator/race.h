#pragma once
// Which accesses of a block's threads are ordered by barriers, and which race. Used by race builds.
//
// Every warp has an epoch that grows whenever its lanes meet in warp_sync() or pass a barrier, and
// knows up to which epoch of each other warp it has synchronised. An access by lane a of warp w at
// epoch e happened before what warp v does now if v knows epoch e of w; for v == w, if e is over.
//
// Between blocks only this orders: writes (joined by __syncthreads with the thread that follows
// them by)
// __threadfence(), an atomic of that thread; then an atomic on the same address in the other block,
// __threadfence(), and a barrier to those who read.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "emulator/memory.h"

namespace nestor::simt {

enum class AccessKind { kRead, kWrite, kAtomic, kAsyncWrite };

class RaceDetector {
 public:
  RaceDetector(std::size_t shared_bytes, int max_threads);

  void begin_launch();
  void begin_block(std::uint32_t block, int num_warps);

  // The lanes of a warp have met.
  void warp_sync(int warp) { ++epochs_[warp]; }
  // `arrived` have come to a barrier (their view when they did is kept in it), `waiting` go on.
  using View = std::array<std::uint32_t, 32>;
  void arrive(View& barrier, int warp);
  void leave(const View& barrier, int warp);

  // Each returns what is wrong with the access, or nothing.
  std::string shared_access(int thread, std::size_t offset, std::size_t num_bytes, AccessKind kind);
  std::string global_access(int thread, const Allocation& allocation, std::size_t offset,
                            std::size_t num_bytes, AccessKind kind);
  // The bytes of an async copy have arrived, as far as `thread` is concerned.
  void async_done(int thread, std::size_t offset, std::size_t num_bytes);

  void fence(int thread);
  void global_atomic(int thread, const void* address);

 private:
  struct SharedCell {
    std::uint32_t block = 0;  // number of the block that this record is of
    std::uint32_t write_epoch = 0;
    std::uint32_t near_epoch = 0, far_epoch = 0;  // of two readers, from different warps
    std::uint16_t write_thread = 0, near_thread = 0, far_thread = 0;
    bool atomic = false, in_flight = false, has_near = false, has_far = false;
  };
  struct Release {
    std::uint32_t block;
    View view;
  };
  using Releases = std::vector<Release>;

  void acquire(int warp, const Release& release);
  bool happened(int thread, int other, std::uint32_t epoch) const;
  bool happened_in(std::uint32_t block, int thread, int other, std::uint32_t epoch) const;

  std::uint32_t launch_ = 0, block_ = 0, num_blocks_ = 0;
  int num_warps_ = 0;
  View epochs_{};
  std::array<View, 32> known_{};
  std::array<Releases, 32> acquired_;  // by warp
  std::vector<SharedCell> shared_;
  std::vector<std::unique_ptr<Release>> fenced_;  // by thread: what its next atomic releases
  std::vector<Releases> pending_;                 // by thread: what its next fence acquires
  std::map<const void*, Releases> released_;      // by address, in this launch
};

}  // namespace nestor::simt
