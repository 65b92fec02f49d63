#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

u32 Executor::living(const Block& block) const {
  u32 threads = 0;
  for (const Warp& warp : block.warps) {
    if (!warp.done) threads += kLanes;
  }
  return threads;
}

// Lets go who waits at the barrier if it is full.
void Executor::complete(Block& block, u32 index) {
  Barrier& barrier = block.barriers[index];
  if (barrier.arrived == 0) return;
  const u32 expected = barrier.whole_block ? living(block) : barrier.expected;
  if (barrier.arrived < expected) return;
  if (options().races) block.races.barrier(barrier.arrived_warps, barrier.waiting);
  if (options().global_races && barrier.whole_block) global_races.barrier(block.global);
  for (const int w : barrier.waiting) block.warps[static_cast<std::size_t>(w)].at_barrier = false;
  barrier = Barrier{};
}

// True if the warp has to wait.
bool Executor::barrier(const Op& op, bool wait) {
  Warp& warp = *warp_;
  if (warp.active != warp.live)
    fault(op, first_lane(warp.active), "a barrier that not all lanes reach together");
  const u32 index = uniform(op, op.a);
  if (index >= 16) fault(op, 0, "no barrier " + std::to_string(index));
  Barrier& barrier = block_->barriers[index];
  const bool whole = op.b == kNoOperand;
  u32 expected = 0;
  if (!whole) {
    expected = uniform(op, op.b);
    if (expected == 0 || expected % kLanes != 0 || expected > (threads_ + 31) / 32 * 32) {
      fault(op, 0, "a barrier for " + std::to_string(expected) + " threads");
    }
  }
  if (barrier.arrived != 0 && (barrier.whole_block != whole || barrier.expected != expected)) {
    fault(op, 0, "a barrier whose threads disagree about their number");
  }
  barrier.whole_block = whole;
  barrier.expected = expected;
  barrier.arrived += kLanes;
  barrier.arrived_warps.push_back(warp.index);
  if (!whole && barrier.arrived > expected) fault(op, 0, "more threads at a barrier than it has");
  if (wait) {
    barrier.waiting.push_back(warp.index);
    warp.at_barrier = true;
    warp.barrier = index;
  }
  complete(*block_, index);
  return warp.at_barrier;
}

}  // namespace nestor::ptx
