#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/floats.h"

namespace nestor::ptx {

namespace {

template <class T>
bool compare(Compare how, T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    const bool nan = a != a || b != b;
    switch (how) {
      case Compare::kEq: return a == b;
      case Compare::kNe: return !nan && a != b;
      case Compare::kLt: return a < b;
      case Compare::kLe: return a <= b;
      case Compare::kGt: return a > b;
      case Compare::kGe: return a >= b;
      case Compare::kEqu: return nan || a == b;
      case Compare::kNeu: return nan || a != b;
      case Compare::kLtu: return nan || a < b;
      case Compare::kLeu: return nan || a <= b;
      case Compare::kGtu: return nan || a > b;
      case Compare::kGeu: return nan || a >= b;
      case Compare::kNum: return !nan;
      case Compare::kNan: return nan;
      default: throw Fault("no comparison of floats");
    }
  } else {
    using U = std::make_unsigned_t<T>;
    switch (how) {
      case Compare::kEq: return a == b;
      case Compare::kNe: return a != b;
      case Compare::kLt: return a < b;
      case Compare::kLe: return a <= b;
      case Compare::kGt: return a > b;
      case Compare::kGe: return a >= b;
      case Compare::kLo: return static_cast<U>(a) < static_cast<U>(b);
      case Compare::kLs: return static_cast<U>(a) <= static_cast<U>(b);
      case Compare::kHi: return static_cast<U>(a) > static_cast<U>(b);
      case Compare::kHs: return static_cast<U>(a) >= static_cast<U>(b);
      default: throw Fault("no comparison of integers");
    }
  }
}

}  // namespace

template <class T>
u32 Executor::compare_mask(const Op& op) {
  const T *a = as<T>(op.a), *b = as<T>(op.b);
  u32 mask = 0;
  const Compare how = static_cast<Compare>(op.sub);
  const auto collect = [&](auto f) {
    u32 bits[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) bits[lane] = f(a[lane], b[lane]) ? 1u : 0u;
    for (int lane = 0; lane < kLanes; ++lane) mask |= bits[lane] << lane;
  };
  switch (how) {
    case Compare::kEq: collect([](T x, T y) { return x == y; }); break;
    case Compare::kLt: collect([](T x, T y) { return x < y; }); break;
    case Compare::kLe: collect([](T x, T y) { return x <= y; }); break;
    case Compare::kGt: collect([](T x, T y) { return x > y; }); break;
    case Compare::kGe: collect([](T x, T y) { return x >= y; }); break;
    default: collect([how](T x, T y) { return compare(how, x, y); });
  }
  return mask;
}

template <class T, class Narrow>
u32 Executor::compare_narrow(const Op& op, Narrow narrow) {
  const u32 *a = at(op.a), *b = at(op.b);
  u32 mask = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (compare<T>(static_cast<Compare>(op.sub), narrow(a[lane]), narrow(b[lane])))
      mask |= 1u << lane;
  }
  return mask;
}

void Executor::compare_lanes(const Op& op) {
  u32 result = 0;
  switch (op.from) {
    case Type::kS32: result = compare_mask<i32>(op); break;
    case Type::kU32:
    case Type::kB32: result = compare_mask<u32>(op); break;
    case Type::kS64: result = compare_mask<i64>(op); break;
    case Type::kU64:
    case Type::kB64: result = compare_mask<u64>(op); break;
    case Type::kF32:
      if (op.ftz) {
        result = compare_narrow<float>(op, [](u32 x) { return flush(std::bit_cast<float>(x)); });
      } else {
        result = compare_mask<float>(op);
      }
      break;
    case Type::kF64: result = compare_mask<double>(op); break;
    case Type::kS16:
      result = compare_narrow<i16>(op, [](u32 x) { return static_cast<i16>(x); });
      break;
    case Type::kU16:
    case Type::kB16:
      result = compare_narrow<u16>(op, [](u32 x) { return static_cast<u16>(x); });
      break;
    case Type::kF16:
      result = compare_narrow<float>(op, [](u32 x) { return half_to_float(x & 0xffff); });
      break;
    case Type::kBf16:
      result = compare_narrow<float>(op, [](u32 x) { return bf16_to_float(x & 0xffff); });
      break;
    default: unknown(op);
  }
  const u32 active = warp_->active;
  u32 other = ~result;
  if (op.count != 0) {
    const u32 c = op.negate_c ? ~preds_[op.c] : preds_[op.c];
    const u32 compared = result;
    result = op.count == 1 ? compared & c : op.count == 2 ? compared | c : compared ^ c;
    other = op.count == 1 ? ~compared & c : op.count == 2 ? ~compared | c : ~compared ^ c;
  }
  if (op.d != kNoOperand) preds_[op.d] = (preds_[op.d] & ~active) | (result & active);
  if (op.e != kNoOperand) preds_[op.e] = (preds_[op.e] & ~active) | (other & active);
}

}  // namespace nestor::ptx
