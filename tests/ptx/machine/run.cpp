// The main loop: one operation of one warp after another.
#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

// Goes to where the branch's lanes go; lanes that do not go wait at the next operation. True if
// the warp is at the next operation.
bool Executor::branch(const Op& op) {
  Warp& warp = *warp_;
  u32 taken = warp.active;
  if (op.guard != kNoOperand) taken &= op.negate_guard ? ~preds_[op.guard] : preds_[op.guard];
  if (taken == 0) return true;
  if (taken != warp.active) {
    warp.others.push_back({pc_ + 1, warp.active & ~taken, false});
    warp.active = taken;
  }
  pc_ = static_cast<u32>(op.imm);
  if (!warp.others.empty()) reconverge();
  return false;
}

// Ends lanes; if others are left, goes on with them. True if the warp has ended.
bool Executor::end_lanes(const Op& op) {
  Warp& warp = *warp_;
  u32 ending = warp.active;
  if (op.guard != kNoOperand) ending &= op.negate_guard ? ~preds_[op.guard] : preds_[op.guard];
  warp.live &= ~ending;
  warp.active &= ~ending;
  if (warp.active != 0) {
    ++pc_;
    set_active();
    return false;
  }
  if (warp.others.empty()) return true;
  pc_ = warp.others.back().pc;
  warp.active = warp.others.back().mask;
  current_waits_ = false;
  warp.others.pop_back();
  reconverge();
  return false;
}

// An instruction with a mask of lanes. False if lanes are missing, and others have gone on.
bool Executor::run_warp_function(const Op& op, bool guarded) {
  const u32 operand = op.code == Code::kWarpBarrier ? op.a
                      : op.code == Code::kVote      ? op.b
                                                    : extra_[op.extra];
  const u32 mask = uniform(op, operand);
  if (!gather(op, mask)) {
    if (guarded) {
      fault(op, first_lane(warp_->active),
            "a .sync instruction under a guard that lanes disagree about");
    }
    reconverge();
    return false;
  }
  if (op.code == Code::kShuffle) {
    shuffle(op);
  } else if (op.code == Code::kVote) {
    vote(op);
  } else if (options().races) {
    block_->races.warp_barrier(warp_->index, mask);
  }
  return true;
}

Stop Executor::run(u64 quantum) {
  Warp& warp = *warp_;
  rows_ = warp.rows.data();
  preds_ = warp.preds.data();
  pc_ = warp.pc;
  set_active();
  u64 executed = 0, threads = 0;
  const auto leave = [&](Stop stop) {
    warp.pc = pc_;
    warp_instructions_ += executed;
    thread_instructions_ += threads;
    return stop;
  };
  while (true) {
    if (ops_[pc_].join && !warp.others.empty()) reconverge();
    const Op& o = ops_[pc_];
    covered_[pc_] = 1;
    ++executed;
    threads += num_active_;
    u32 before = 0;
    bool guarded = false;
    if (o.guard != kNoOperand && o.code != Code::kBranch && o.code != Code::kReturn) {
      const u32 wanted = warp.active & (o.negate_guard ? ~preds_[o.guard] : preds_[o.guard]);
      if (wanted == 0) {
        ++pc_;
        continue;
      }
      if (wanted != warp.active) {
        before = warp.active;
        guarded = true;
        warp.active = wanted;
        set_active();
      }
    }
    switch (o.code) {
      case Code::kBranch:
        if (branch(o)) ++pc_;
        if (executed >= quantum) return leave(Stop::kQuantum);
        continue;
      case Code::kReturn:
        if (end_lanes(o)) return leave(Stop::kExit);
        continue;
      case Code::kTrap: fault(o, first_lane(warp.active), "trap");
      case Code::kBarrier:
      case Code::kBarrierArrive:
        if (guarded)
          fault(o, first_lane(warp.active), "a barrier under a guard that lanes disagree about");
        ++pc_;
        if (barrier(o, o.code == Code::kBarrier)) return leave(Stop::kBarrier);
        continue;
      case Code::kWarpBarrier:
      case Code::kShuffle:
      case Code::kVote:
        if (run_warp_function(o, guarded)) break;
        --executed;
        continue;
      case Code::kActiveMask: {
        const u32 active = warp.active;
        map<u32>(o, [=](int) { return active; });
        break;
      }
      case Code::kFence:
        if (options().global_races) global_races.fence(block_->global, warp.index);
        break;
      case Code::kNothing: break;
      case Code::kMma: tensor(o); break;
      case Code::kLdmatrix: ldmatrix(o); break;
      case Code::kCopyAsync: copy_async(o); break;
      case Code::kCopyCommit: each(warp.active, [&](int lane) { ++warp.groups[lane]; }); break;
      case Code::kCopyWait: copy_wait(o); break;
      case Code::kLoad: load(o); break;
      case Code::kStore: store(o); break;
      case Code::kAtom: atomic(o); break;
      case Code::kSetp: compare_lanes(o); break;
      case Code::kConvert: convert(o); break;
      case Code::kSpecial: special(o); break;
      case Code::kUnknown: unknown(o);
      default: arithmetic(o); break;
    }
    if (guarded) {
      warp.active = before;
      set_active();
    }
    ++pc_;
    if (executed >= quantum) return leave(Stop::kQuantum);
  }
}

}  // namespace nestor::ptx
