// Looks for accesses of global memory by different blocks of one launch that nothing orders. What
// orders them is the pattern of "the last block adds": a fence behind the writes, a barrier, an
// atomic operation by one thread; in the other block an atomic operation on the same address, a
// fence, a barrier.
//
// Slow (a hash table of words), so only on demand, and only with one thread.
#pragma once

#include <algorithm>
#include <map>
#include <unordered_map>
#include <vector>

#include "module.h"

namespace nestor::ptx {

class GlobalRaces {
 public:
  // Of one block.
  struct Side {
    u32 serial = 0;
    std::vector<u64> fences, fences_at_barrier;  // of each warp: when it had its last fence
    std::map<u32, std::vector<u64>> acquired;  // by an atomic operation: block, fences of its warps
    std::vector<std::map<u32, std::vector<u64>>> fenced;  // ... and then a fence, of each warp
    std::map<u32, std::vector<u64>> visible;              // ... and then a barrier
  };

  void start_launch() {
    cells_.clear();
    released_.clear();
    now_ = 1;
    next_serial_ = 1;
  }
  void start_block(Side& side, int num_warps) {
    const std::size_t n = static_cast<std::size_t>(num_warps);
    side = Side{next_serial_++, std::vector<u64>(n, 0), std::vector<u64>(n, 0), {}, {}, {}};
    side.fenced.resize(n);
  }
  void fence(Side& side, int warp) {
    side.fences[static_cast<std::size_t>(warp)] = ++now_;
    merge(side.fenced[static_cast<std::size_t>(warp)], side.acquired);
  }
  void barrier(Side& side) {  // of the whole block
    side.fences_at_barrier = side.fences;
    for (const auto& fenced : side.fenced) merge(side.visible, fenced);
  }
  void atomic(Side& side, int warp, u64 address) {
    std::vector<u64> published = side.fences_at_barrier;
    published[static_cast<std::size_t>(warp)] = side.fences[static_cast<std::size_t>(warp)];
    auto& here = released_[address];
    merge(side.acquired, here);
    std::map<u32, std::vector<u64>> mine = side.visible;  // what it knows it passes on
    mine[side.serial] = published;
    merge(here, mine);
  }
  // Null, or what is wrong.
  const char* access(Side& side, int warp, u64 address, u32 bytes, bool write) {
    ++now_;
    for (u64 word = address / 2; word < (address + bytes + 1) / 2; ++word) {
      Cell& cell = cells_[word];
      if (cell.writer != 0 && cell.writer != side.serial && !sees(side, warp, cell)) {
        return write ? "another block writes it, too" : "another block writes it";
      }
      if (write) {
        if (cell.reader != 0 && cell.reader != side.serial) return "another block reads it";
        cell.writer = side.serial;
        cell.warp = static_cast<u32>(warp);
        cell.time = now_;
      } else {
        cell.reader = cell.reader == 0 || cell.reader == side.serial ? side.serial : kSeveral;
      }
    }
    return nullptr;
  }

 private:
  static constexpr u32 kSeveral = ~0u;
  struct Cell {
    u32 writer = 0, reader = 0, warp = 0;
    u64 time = 0;
  };
  static void merge(std::map<u32, std::vector<u64>>& to,
                    const std::map<u32, std::vector<u64>>& from) {
    for (const auto& [serial, fences] : from) {
      std::vector<u64>& mine = to[serial];
      if (mine.size() < fences.size()) mine.resize(fences.size(), 0);
      for (std::size_t w = 0; w < fences.size(); ++w) mine[w] = std::max(mine[w], fences[w]);
    }
  }
  static bool covers(const std::map<u32, std::vector<u64>>& known, const Cell& cell) {
    const auto found = known.find(cell.writer);
    return found != known.end() && found->second[cell.warp] >= cell.time;
  }
  static bool sees(const Side& side, int warp, const Cell& cell) {
    return covers(side.visible, cell) || covers(side.fenced[static_cast<std::size_t>(warp)], cell);
  }

  std::unordered_map<u64, Cell> cells_;
  std::unordered_map<u64, std::map<u32, std::vector<u64>>> released_;
  u64 now_ = 1;
  u32 next_serial_ = 1;
};

}  // namespace nestor::ptx
