#include "emulator/race.h"

#include <algorithm>
#include <tuple>

namespace nestor::simt {
namespace {

constexpr int warp_of(int thread) { return thread / 32; }

std::string thread_name(int thread) {
  return "thread " + std::to_string(thread) + " (warp " + std::to_string(warp_of(thread)) +
         ", lane " + std::to_string(thread % 32) + ")";
}

}  // namespace

RaceDetector::RaceDetector(std::size_t shared_bytes, int max_threads)
    : shared_(shared_bytes), fenced_(max_threads), pending_(max_threads) {}

void RaceDetector::begin_launch() {
  static std::uint32_t launches = 0;  // one worker at a time looks for races
  launch_ = ++launches;
  released_.clear();
}

void RaceDetector::begin_block(std::uint32_t block, int num_warps) {
  block_ = block;
  ++num_blocks_;
  num_warps_ = num_warps;
  epochs_.fill(1);
  for (View& view : known_) view.fill(0);
  for (Releases& releases : acquired_) releases.clear();
  for (int thread = 0; thread < 32 * num_warps; ++thread) {
    fenced_[thread].reset();
    pending_[thread].clear();
  }
}

void RaceDetector::arrive(View& barrier, int warp) {
  for (int other = 0; other < num_warps_; ++other) {
    barrier[other] = std::max(barrier[other], known_[warp][other]);
  }
  barrier[warp] = std::max(barrier[warp], epochs_[warp]);
  ++epochs_[warp];
}

void RaceDetector::leave(const View& barrier, int warp) {
  for (int other = 0; other < num_warps_; ++other) {
    if (other != warp && known_[warp][other] < barrier[other]) {
      known_[warp][other] = barrier[other];
      for (const Release& release : acquired_[other]) acquire(warp, release);
    }
  }
}

void RaceDetector::acquire(int warp, const Release& release) {
  for (Release& known : acquired_[warp]) {
    if (known.block != release.block) continue;
    for (int other = 0; other < 32; ++other) {
      known.view[other] = std::max(known.view[other], release.view[other]);
    }
    return;
  }
  acquired_[warp].push_back(release);
}

bool RaceDetector::happened(int thread, int other, std::uint32_t epoch) const {
  if (thread == other) return true;
  const int warp = warp_of(thread), other_warp = warp_of(other);
  return warp == other_warp ? epoch < epochs_[warp] : epoch <= known_[warp][other_warp];
}

bool RaceDetector::happened_in(std::uint32_t block, int thread, int other,
                               std::uint32_t epoch) const {
  if (block == block_) return happened(thread, other, epoch);
  for (const Release& release : acquired_[warp_of(thread)]) {
    if (release.block == block && epoch <= release.view[warp_of(other)]) return true;
  }
  return false;
}

std::string RaceDetector::shared_access(int thread, std::size_t offset, std::size_t num_bytes,
                                        AccessKind kind) {
  const std::uint32_t epoch = epochs_[warp_of(thread)];
  for (std::size_t i = offset; i < offset + num_bytes; ++i) {
    SharedCell& cell = shared_[i];
    const std::string where = "shared byte " + std::to_string(i);
    const bool fresh = cell.block != num_blocks_;
    if (fresh) {
      if (kind == AccessKind::kRead || kind == AccessKind::kAtomic) {
        return "reads " + where + ", which is not initialised";
      }
      cell = SharedCell{};
      cell.block = num_blocks_;
    } else {
      if (cell.in_flight) {
        return (kind == AccessKind::kRead ? "reads " : "writes ") + where +
               ", where an async copy of " + thread_name(cell.write_thread) +
               " is still on its way: a wait is missing";
      }
      const bool both_atomic = cell.atomic && kind == AccessKind::kAtomic;
      if (!both_atomic && !happened(thread, cell.write_thread, cell.write_epoch)) {
        return std::string("race: ") + (kind == AccessKind::kRead ? "reads " : "writes ") + where +
               ", written by " + thread_name(cell.write_thread) + " without a barrier between";
      }
    }
    if (kind == AccessKind::kRead) {
      // The last reader of this warp, or of one that is past, and one of another warp.
      if (!cell.has_near || happened(thread, cell.near_thread, cell.near_epoch) ||
          warp_of(cell.near_thread) == warp_of(thread)) {
        cell.has_near = true;
        cell.near_thread = static_cast<std::uint16_t>(thread);
        cell.near_epoch = epoch;
      } else {
        cell.has_far = true;
        cell.far_thread = static_cast<std::uint16_t>(thread);
        cell.far_epoch = epoch;
      }
      continue;
    }
    for (const auto& [has, reader, read_epoch] :
         {std::tuple(cell.has_near, cell.near_thread, cell.near_epoch),
          std::tuple(cell.has_far, cell.far_thread, cell.far_epoch)}) {
      if (has && !happened(thread, reader, read_epoch)) {
        return "race: writes " + where + ", read by " + thread_name(reader) +
               " without a barrier between";
      }
    }
    cell.write_thread = static_cast<std::uint16_t>(thread);
    cell.write_epoch = epoch;
    cell.atomic = kind == AccessKind::kAtomic;
    cell.in_flight = kind == AccessKind::kAsyncWrite;
    cell.has_near = cell.has_far = false;
  }
  return {};
}

std::string RaceDetector::global_access(int thread, const Allocation& allocation,
                                        std::size_t offset, std::size_t num_bytes,
                                        AccessKind kind) {
  const std::uint32_t epoch = epochs_[warp_of(thread)];
  for (std::size_t i = offset / 2; i <= (offset + num_bytes - 1) / 2; ++i) {
    GlobalCell& cell = allocation.cells[i];
    const std::string where = "global byte " + std::to_string(2 * i) + " of an allocation of " +
                              std::to_string(allocation.num_bytes);
    if (!cell.initialised && (kind == AccessKind::kRead || kind == AccessKind::kAtomic)) {
      return "reads " + where + ", which is not initialised";
    }
    // Single bytes share their cell with a neighbour that another thread may own.
    if (num_bytes == 1) {
      cell.initialised = cell.initialised || kind != AccessKind::kRead;
      continue;
    }
    if (cell.launch != launch_) {
      cell.launch = launch_;
      cell.written = cell.read = false;
    }
    const bool both_atomic = cell.written_atomically && kind == AccessKind::kAtomic;
    if (cell.written && !both_atomic &&
        !happened_in(cell.write_block, thread, cell.write_thread, cell.write_epoch)) {
      return std::string("race: ") + (kind == AccessKind::kRead ? "reads " : "writes ") + where +
             ", written by " + thread_name(cell.write_thread) + " of block number " +
             std::to_string(cell.write_block) + " in the same launch";
    }
    if (kind == AccessKind::kRead) {
      cell.read = true;
      cell.read_block = block_;
      cell.read_thread = static_cast<std::uint16_t>(thread);
      cell.read_epoch = epoch;
      continue;
    }
    if (cell.read && !happened_in(cell.read_block, thread, cell.read_thread, cell.read_epoch)) {
      return "race: writes " + where + ", read by " + thread_name(cell.read_thread) +
             " of block number " + std::to_string(cell.read_block) + " in the same launch";
    }
    cell.written = true;
    cell.written_atomically = kind == AccessKind::kAtomic;
    cell.write_block = block_;
    cell.write_thread = static_cast<std::uint16_t>(thread);
    cell.write_epoch = epoch;
    cell.read = false;
    cell.initialised = true;
  }
  return {};
}

void RaceDetector::async_done(int thread, std::size_t offset, std::size_t num_bytes) {
  for (std::size_t i = offset; i < offset + num_bytes; ++i) {
    SharedCell& cell = shared_[i];
    cell.in_flight = false;
    cell.write_thread = static_cast<std::uint16_t>(thread);
    cell.write_epoch = epochs_[warp_of(thread)];
  }
}

void RaceDetector::fence(int thread) {
  const int warp = warp_of(thread);
  auto release = std::make_unique<Release>(Release{block_, known_[warp]});
  release->view[warp] = epochs_[warp];
  fenced_[thread] = std::move(release);
  for (const Release& acquired : pending_[thread]) acquire(warp, acquired);
  pending_[thread].clear();
}

void RaceDetector::global_atomic(int thread, const void* address) {
  Releases& releases = released_[address];
  for (const Release& release : releases) {
    if (release.block != block_) pending_[thread].push_back(release);
  }
  if (fenced_[thread] != nullptr) releases.push_back(*fenced_[thread]);
}

}  // namespace nestor::simt
