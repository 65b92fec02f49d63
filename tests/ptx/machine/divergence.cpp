#include <bit>

#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

// The lanes that are least far go on; those that are at the same place go on together.
void Executor::reconverge() {
  Warp& warp = *warp_;
  bool waiting = current_waits_;
  current_waits_ = false;
  warp.others.push_back({pc_, warp.active, waiting});
  for (std::size_t i = 0; i < warp.others.size(); ++i) {
    for (std::size_t j = i + 1; j < warp.others.size();) {
      if (warp.others[i].pc == warp.others[j].pc) {
        warp.others[i].mask |= warp.others[j].mask;
        warp.others[i].waiting = false;
        warp.others.erase(warp.others.begin() + static_cast<std::ptrdiff_t>(j));
      } else {
        ++j;
      }
    }
  }
  std::size_t best = warp.others.size();
  for (std::size_t i = 0; i < warp.others.size(); ++i) {
    if (warp.others[i].waiting) continue;
    if (best == warp.others.size() || warp.others[i].pc < warp.others[best].pc) best = i;
  }
  if (best == warp.others.size()) {
    const Op& op = ops_[warp.others[0].pc];
    fault(op, first_lane(warp.others[0].mask),
          "lanes of a warp wait for one another at different places");
  }
  pc_ = warp.others[best].pc;
  warp.active = warp.others[best].mask;
  warp.others.erase(warp.others.begin() + static_cast<std::ptrdiff_t>(best));
  set_active();
}

void Executor::set_active() {
  const u32 active = warp_->active;
  for (int lane = 0; lane < kLanes; ++lane) lanes_[lane] = (active >> lane & 1) != 0 ? ~0u : 0u;
  num_active_ = static_cast<u32>(std::popcount(active));
}

// Whether the lanes of `mask` are all here; if not, the others go first.
bool Executor::gather(const Op& op, u32 mask) {
  Warp& warp = *warp_;
  if ((mask & ~warp.live) != 0)
    fault(op, first_lane(mask & ~warp.live), "waits for lanes that have ended");
  if ((mask & warp.active) != warp.active)
    fault(op, first_lane(warp.active & ~mask), "a lane that its own mask leaves out");
  if ((mask & ~warp.active) == 0) return true;
  current_waits_ = true;
  return false;
}

// The same in all active lanes.
u32 Executor::uniform(const Op& op, u32 operand) {
  const u32* row = at(operand);
  const int first = first_lane(warp_->active);
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((warp_->active >> lane & 1) != 0 && row[lane] != row[first])
      fault(op, lane, "an operand that lanes disagree about");
  }
  return row[first];
}

}  // namespace nestor::ptx
