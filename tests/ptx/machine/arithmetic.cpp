#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/floats.h"
#include "tests/ptx/machine/lane_macros.h"

namespace nestor::ptx {

// Hands an operation on registers alone to those who know it.
void Executor::arithmetic(const Op& op) {
  if (op.round > static_cast<u8>(Round::kNearest) && op.type == Type::kF32 &&
      op.code != Code::kEx2) {
    if (op.code != Code::kAdd && op.code != Code::kSub && op.code != Code::kMulLo &&
        op.code != Code::kFma)
      unknown(op);
    return directed(op);
  }
  switch (op.code) {
    case Code::kAdd:
    case Code::kSub:
    case Code::kMulLo:
    case Code::kFma:
    case Code::kMadLo:
    case Code::kMulHi:
    case Code::kMadHi:
    case Code::kMulWide:
    case Code::kMadWide: return sums(op);
    case Code::kDiv:
    case Code::kRem:
    case Code::kMin:
    case Code::kMax:
    case Code::kNeg:
    case Code::kAbs: return divisions(op);
    case Code::kAnd:
    case Code::kOr:
    case Code::kXor:
    case Code::kNot:
    case Code::kShl:
    case Code::kShr:
    case Code::kShfL:
    case Code::kShfR:
    case Code::kPopc:
    case Code::kClz:
    case Code::kBfind:
    case Code::kBrev:
    case Code::kBfe:
    case Code::kBfi:
    case Code::kPrmt:
    case Code::kLop3: return bits(op);
    case Code::kMove:
    case Code::kSelp:
    case Code::kPack:
    case Code::kUnpack:
    case Code::kToGeneric:
    case Code::kFromGeneric: return moves(op);
    default: return functions(op);
  }
}

// Moves between registers and between spaces of addresses.
void Executor::moves(const Op& op) {
  const int bytes = bytes_of(op.type);
  switch (op.code) {
    case Code::kMove:
      if (op.type == Type::kPred) {
        const u32 active = warp_->active;
        const u32 value = op.flag ? (op.imm != 0 ? ~0u : 0u) : preds_[op.a];
        preds_[op.d] = (preds_[op.d] & ~active) | (value & active);
        return;
      }
      if (bytes == 8) PTX_UNARY(u64, a);
      PTX_UNARY(u32, a);
    case Code::kSelp: {
      const u32 chosen = preds_[op.c];
      if (bytes == 8) {
        const u64 *a = as<u64>(op.a), *b = as<u64>(op.b);
        return map<u64>(op, [=](int l) { return (chosen >> l & 1) != 0 ? a[l] : b[l]; });
      }
      const u32 *a = at(op.a), *b = at(op.b);
      return map<u32>(op, [=](int l) { return (chosen >> l & 1) != 0 ? a[l] : b[l]; });
    }
    case Code::kPack: {
      const u32* places = extra_ + op.extra;
      if (op.count == 2 && bytes == 4) {
        const u32 *low = at(places[0]), *high = at(places[1]);
        return map<u32>(op, [=](int l) { return (low[l] & 0xffff) | high[l] << 16; });
      }
      if (op.count == 2 && bytes == 8) {
        const u32 *low = at(places[0]), *high = at(places[1]);
        return map<u64>(op, [=](int l) { return low[l] | static_cast<u64>(high[l]) << 32; });
      }
      if (op.count == 4 && bytes == 8) {
        const u32 *p0 = at(places[0]), *p1 = at(places[1]), *p2 = at(places[2]),
                  *p3 = at(places[3]);
        return map<u64>(op, [=](int l) {
          return static_cast<u64>(p0[l] & 0xffff) | static_cast<u64>(p1[l] & 0xffff) << 16 |
                 static_cast<u64>(p2[l] & 0xffff) << 32 | static_cast<u64>(p3[l] & 0xffff) << 48;
        });
      }
      unknown(op);
    }
    case Code::kUnpack: {
      const int width = bytes * 8 / op.count;
      if (width != 16 && width != 32) unknown(op);
      const u32* narrow = at(op.a);
      const u64* wide = as<u64>(op.a);
      for (u32 i = 0; i < op.count; ++i) {
        const u32 place = extra_[op.extra + i];
        if (place == kNoOperand) continue;
        u32* d = at(place);
        const u32 mask = width == 16 ? 0xffffu : ~0u;
        each(warp_->active, [&](int l) {
          const u64 value = bytes == 8 ? wide[l] : narrow[l];
          d[l] = static_cast<u32>(value >> (static_cast<u32>(width) * i)) & mask;
        });
      }
      return;
    }
    case Code::kToGeneric:
    case Code::kFromGeneric: {
      const u64 window = op.space == Space::kShared  ? kSharedWindow
                         : op.space == Space::kLocal ? kLocalWindow
                         : op.space == Space::kParam ? kParamWindow
                                                     : 0;
      const u64* a = as<u64>(op.a);
      if (window == 0) return map<u64>(op, [=](int l) { return a[l]; });
      if (op.code == Code::kToGeneric) return map<u64>(op, [=](int l) { return a[l] + window; });
      each(warp_->active, [&](int lane) {
        if ((a[lane] & kWindowMask) != window)
          fault(op, lane, "a generic address that is not of that space");
      });
      return map<u64>(op, [=](int l) { return a[l] - window; });
    }
    default: unknown(op);
  }
}

// Functions that are approximated, with .ftz and .sat.
void Executor::functions(const Op& op) {
  switch (op.code) {
    case Code::kEx2:
      unary<float>(op, [](float a) { return approximate(std::exp2(a), a, 2); });
      break;
    case Code::kLg2: unary<float>(op, [](float a) { return std::log2(a); }); break;
    case Code::kRcp:
      if (op.type == Type::kF64) unknown(op);
      if (op.round != 0) {  // .rn
        unary<float>(op, [](float a) { return 1.0f / a; });
      } else {
        unary<float>(op, [](float a) { return approximate(1.0f / a, a, 1); });
      }
      break;
    case Code::kSqrt:
      if (op.type == Type::kF64) PTX_UNARY(double, std::sqrt(a));
      unary<float>(op, [](float a) { return std::sqrt(a); });
      break;
    case Code::kRsqrt:
      unary<float>(
          op, [](float a) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(a))); });
      break;
    case Code::kSin: unary<float>(op, [](float a) { return std::sin(a); }); break;
    case Code::kCos: unary<float>(op, [](float a) { return std::cos(a); }); break;
    case Code::kTanh: unary<float>(op, [](float a) { return std::tanh(a); }); break;
    default: unknown(op);
  }
  float_result(op);
}

}  // namespace nestor::ptx
