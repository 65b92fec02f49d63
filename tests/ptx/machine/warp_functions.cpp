// shfl.sync and vote.sync, when all lanes of their masks have come.
#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

void Executor::shuffle(const Op& op) {
  const u32 *a = at(op.a), *b = at(op.b), *c = at(op.c);
  u32 values[kLanes];
  u32 valid = 0;
  const u32 active = warp_->active;
  each(active, [&](int lane) {
    // As the ISA has it: c holds a clamp in bits 0..4 and a mask of segments in bits 8..12.
    const int bval = static_cast<int>(b[lane] & 31), cval = static_cast<int>(c[lane] & 31);
    const int mask = static_cast<int>(c[lane] >> 8 & 31);
    const int most = (lane & mask) | (cval & ~mask);
    const int least = lane & mask;
    int j = 0;
    bool inside = false;
    switch (op.sub) {
      case 0: j = lane - bval, inside = j >= most; break;
      case 1: j = lane + bval, inside = j <= most; break;
      case 2: j = lane ^ bval, inside = j <= most; break;
      default: j = least | (bval & ~mask), inside = j <= most; break;
    }
    if (!inside) j = lane;
    if ((active >> j & 1) == 0)
      fault(op, lane, "reads the register of lane " + std::to_string(j) + ", which is not there");
    values[lane] = a[j];
    if (inside) valid |= 1u << lane;
  });
  u32* d = at(op.d);
  each(active, [&](int lane) { d[lane] = values[lane]; });
  if (op.e != kNoOperand) preds_[op.e] = (preds_[op.e] & ~active) | (valid & active);
}

void Executor::vote(const Op& op) {
  const u32 active = warp_->active;
  const u32 pred = op.negate_c ? ~preds_[op.a] : preds_[op.a];
  const u32 ballot = pred & active;
  if (op.sub == 3) return map<u32>(op, [=](int) { return ballot; });
  const bool all = ballot == active;
  const bool yes = op.sub == 0 ? all : op.sub == 1 ? ballot != 0 : all || ballot == 0;
  preds_[op.d] = (preds_[op.d] & ~active) | (yes ? active : 0);
}

}  // namespace nestor::ptx
