#include <algorithm>

#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

template <class T>
void Executor::atomic_lanes(const Op& op, u8* const* place, u32 mask) {
  const T* b = as<T>(op.b);
  const T* c = op.c == kNoOperand ? nullptr : as<T>(op.c);
  T* d = op.d == kNoOperand ? nullptr : as<T>(op.d);
  // Lanes take their turns in an order that is not that of their numbers.
  const int first = static_cast<int>(random_() % kLanes);
  for (int i = 0; i < kLanes; ++i) {
    const int lane = (first + i) % kLanes;
    if ((mask >> lane & 1) == 0) continue;
    T* p = reinterpret_cast<T*>(place[lane]);
    T old = __atomic_load_n(p, __ATOMIC_SEQ_CST), fresh;
    do {
      switch (static_cast<AtomicOp>(op.sub)) {
        case AtomicOp::kAdd: fresh = static_cast<T>(old + b[lane]); break;
        case AtomicOp::kMin: fresh = std::min(old, b[lane]); break;
        case AtomicOp::kMax: fresh = std::max(old, b[lane]); break;
        case AtomicOp::kAnd: fresh = old & b[lane]; break;
        case AtomicOp::kOr: fresh = old | b[lane]; break;
        case AtomicOp::kXor: fresh = old ^ b[lane]; break;
        case AtomicOp::kExch: fresh = b[lane]; break;
        case AtomicOp::kCas: fresh = old == b[lane] ? c[lane] : old; break;
        case AtomicOp::kInc: fresh = old >= b[lane] ? 0 : old + 1; break;
        case AtomicOp::kDec: fresh = old == 0 || old > b[lane] ? b[lane] : old - 1; break;
        default: fault(op, lane, "an unknown atomic operation");
      }
    } while (
        !__atomic_compare_exchange_n(p, &old, fresh, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    if (d != nullptr) d[lane] = old;
  }
}

void Executor::atomic(const Op& op) {
  u64 address[kLanes];
  u8* place[kLanes];
  addresses(op, address);
  translate(op, op.space, address, warp_->active, static_cast<u32>(bytes_of(op.type)), true, place);
  switch (op.type) {
    case Type::kS32: return atomic_lanes<i32>(op, place, warp_->active);
    case Type::kU32:
    case Type::kB32: return atomic_lanes<u32>(op, place, warp_->active);
    case Type::kS64: return atomic_lanes<i64>(op, place, warp_->active);
    case Type::kU64:
    case Type::kB64: return atomic_lanes<u64>(op, place, warp_->active);
    default: fault(op, 0, "an atomic operation on this type");
  }
}

}  // namespace nestor::ptx
