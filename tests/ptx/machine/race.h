// Looks for accesses of shared memory that nothing orders, with vector clocks: a warp's clock ticks
// at each of its barriers, and a barrier tells those who wait what those who arrived have done.
// Within a warp, lanes are ordered by bar.warp.sync and by barriers only; shuffles do not order
// memory.
//
// What is looked at is cells of as many bytes as the kernel's smallest access of shared memory has.
#pragma once

#include <vector>

#include "module.h"

namespace nestor::ptx {

class Races {
 public:
  struct Found {
    const char* what = nullptr;  // null: nothing
    int warp = 0, lane = 0;
    bool unset = false;  // only that nobody wrote what is read
  };

  void start(int num_warps, u32 bytes, u32 cell_bytes) {
    cell_bytes_ = cell_bytes;
    num_warps_ = num_warps;
    const std::size_t n = static_cast<std::size_t>(num_warps);
    cells_.assign(bytes / cell_bytes_ + 16, Cell{});
    reads_.assign(cells_.size() * n, 0);
    clocks_.assign(n * n, 0);
    for (std::size_t w = 0; w < n; ++w) clocks_[w * n + w] = 1;
  }

  Found read(int warp, int lane, u32 address, u32 bytes) {
    bool unset = false;
    for (u32 cell = address / cell_bytes_; cell < (address + bytes + cell_bytes_ - 1) / cell_bytes_;
         ++cell) {
      const Cell& c = cells_[cell];
      if (c.clock == 0) {
        unset = true;
      } else if (c.pending) {
        return {"copies to (cp.async) and has not waited for", c.warp, c.lane};
      } else if (!ordered(c, warp, lane)) {
        return {"wrote", c.warp, c.lane};
      }
      u32& last =
          reads_[cell * static_cast<std::size_t>(num_warps_) + static_cast<std::size_t>(warp)];
      const u32 now = clock(warp, warp) << 6;
      if (last >> 6 == now >> 6 && (last & 63) != static_cast<u32>(lane)) {
        last = now | 63;  // several lanes
      } else {
        last = now | static_cast<u32>(lane);
      }
    }
    if (unset) return {"", 0, 0, true};
    return {};
  }

  Found write(int warp, int lane, u32 address, u32 bytes) {
    return write(warp, lane, address, bytes, false);
  }
  Found begin_copy(int warp, int lane, u32 address, u32 bytes) {
    return write(warp, lane, address, bytes, true);
  }
  void end_copy(int warp, int lane, u32 address, u32 bytes) {
    for (u32 cell = address / cell_bytes_; cell < (address + bytes) / cell_bytes_; ++cell) {
      cells_[cell] = {clock(warp, warp), static_cast<u8>(warp), static_cast<u8>(lane), false};
    }
  }

  // Those in `waiting` know all that those in `arrived` (who may wait, too) have done.
  void barrier(const std::vector<int>& arrived, const std::vector<int>& waiting) {
    const std::size_t n = static_cast<std::size_t>(num_warps_);
    std::vector<u32> all(n, 0);
    for (const int w : arrived) {
      for (std::size_t i = 0; i < n; ++i)
        all[i] = std::max(all[i], clocks_[static_cast<std::size_t>(w) * n + i]);
    }
    for (const int w : waiting) {
      for (std::size_t i = 0; i < n; ++i) {
        u32& mine = clocks_[static_cast<std::size_t>(w) * n + i];
        mine = std::max(mine, all[i]);
      }
    }
    for (const int w : arrived)
      ++clocks_[static_cast<std::size_t>(w) * n + static_cast<std::size_t>(w)];
  }

  void warp_barrier(int warp, u32 mask) {
    if (mask == ~0u)
      ++clocks_[static_cast<std::size_t>(warp) * static_cast<std::size_t>(num_warps_) +
                static_cast<std::size_t>(warp)];
  }

 private:
  u32 cell_bytes_ = 4;
  struct Cell {
    u32 clock = 0;  // of the warp that wrote; 0: nobody has
    u8 warp = 0, lane = 0;
    bool pending = false;  // a copy is on its way
  };

  u32 clock(int of, int what) const {
    return clocks_[static_cast<std::size_t>(of) * static_cast<std::size_t>(num_warps_) +
                   static_cast<std::size_t>(what)];
  }
  bool ordered(const Cell& c, int warp, int lane) const {
    if (c.warp == warp) return c.lane == lane || c.clock < clock(warp, warp);
    return c.clock <= clock(warp, c.warp);
  }

  Found write(int warp, int lane, u32 address, u32 bytes, bool pending) {
    const std::size_t n = static_cast<std::size_t>(num_warps_);
    for (u32 cell = address / cell_bytes_; cell < (address + bytes + cell_bytes_ - 1) / cell_bytes_;
         ++cell) {
      Cell& c = cells_[cell];
      if (c.pending) return {"copies to (cp.async) and has not waited for", c.warp, c.lane};
      if (c.clock != 0 && !ordered(c, warp, lane)) return {"wrote", c.warp, c.lane};
      const u32* reads = reads_.data() + cell * n;
      for (std::size_t w = 0; w < n; ++w) {
        if (reads[w] == 0) continue;
        const u32 at = reads[w] >> 6, by = reads[w] & 63;
        const bool fine = static_cast<int>(w) == warp
                              ? by == static_cast<u32>(lane) || at < clock(warp, warp)
                              : at <= clock(warp, static_cast<int>(w));
        if (!fine) return {"reads", static_cast<int>(w), static_cast<int>(by == 63 ? 0 : by)};
      }
      c = {clock(warp, warp), static_cast<u8>(warp), static_cast<u8>(lane), pending};
    }
    return {};
  }

  int num_warps_ = 0;
  std::vector<Cell> cells_;
  std::vector<u32> reads_;   // of each cell by each warp: clock and lane
  std::vector<u32> clocks_;  // what each warp knows of each
};

}  // namespace nestor::ptx
