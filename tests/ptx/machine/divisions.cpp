#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/floats.h"
#include "tests/ptx/machine/lane_macros.h"

namespace nestor::ptx {

// Division, least and largest values, signs.
void Executor::divisions(const Op& op) {
  switch (op.code) {
    case Code::kDiv:
      switch (op.type) {
        // Division by zero gives all ones, as GPUs do.
        case Type::kS32: PTX_BINARY(i32, b == 0 ? -1 : static_cast<i64>(a) / b);
        case Type::kU32: PTX_BINARY(u32, b == 0 ? ~0u : a / b);
        case Type::kS64:
          PTX_BINARY(i64, b == 0    ? -1
                          : b == -1 ? static_cast<i64>(0 - static_cast<u64>(a))
                                    : a / b);
        case Type::kU64: PTX_BINARY(u64, b == 0 ? ~u64{0} : a / b);
        case Type::kS16:
          PTX_BINARY(u32, static_cast<i16>(b) == 0
                              ? ~0u
                              : static_cast<u32>(static_cast<i32>(static_cast<i16>(a)) /
                                                 static_cast<i16>(b)));
        case Type::kU16: PTX_BINARY(u32, (b & 0xffff) == 0 ? ~0u : (a & 0xffff) / (b & 0xffff));
        case Type::kF32:
          binary<float>(op, [](float a, float b) { return a / b; });
          return float_result(op);
        case Type::kF64: PTX_BINARY(double, a / b);
        default: unknown(op);
      }
    case Code::kRem:
      switch (op.type) {
        case Type::kS32: PTX_BINARY(i32, b == 0 ? a : static_cast<i64>(a) % b);
        case Type::kU32: PTX_BINARY(u32, b == 0 ? a : a % b);
        case Type::kS64: PTX_BINARY(i64, b == 0 ? a : b == -1 ? 0 : a % b);
        case Type::kU64: PTX_BINARY(u64, b == 0 ? a : a % b);
        case Type::kS16:
          PTX_BINARY(u32, static_cast<i16>(b) == 0
                              ? a
                              : static_cast<u32>(static_cast<i32>(static_cast<i16>(a)) %
                                                 static_cast<i16>(b)));
        case Type::kU16: PTX_BINARY(u32, (b & 0xffff) == 0 ? a : (a & 0xffff) % (b & 0xffff));
        default: unknown(op);
      }
    case Code::kMin:
    case Code::kMax: {
      const bool min = op.code == Code::kMin;
      switch (op.type) {
        case Type::kS32:
          if (min) PTX_BINARY(i32, a < b ? a : b);
          PTX_BINARY(i32, a > b ? a : b);
        case Type::kU32:
          if (min) PTX_BINARY(u32, a < b ? a : b);
          PTX_BINARY(u32, a > b ? a : b);
        case Type::kS64:
          if (min) PTX_BINARY(i64, a < b ? a : b);
          PTX_BINARY(i64, a > b ? a : b);
        case Type::kU64:
          if (min) PTX_BINARY(u64, a < b ? a : b);
          PTX_BINARY(u64, a > b ? a : b);
        case Type::kU16:
          if (min) PTX_BINARY(u32, std::min(a & 0xffff, b & 0xffff));
          PTX_BINARY(u32, std::max(a & 0xffff, b & 0xffff));
        case Type::kS16:
          if (min)
            PTX_BINARY(u32, static_cast<u32>(static_cast<i32>(
                                std::min(static_cast<i16>(a), static_cast<i16>(b)))));
          PTX_BINARY(u32, static_cast<u32>(static_cast<i32>(
                              std::max(static_cast<i16>(a), static_cast<i16>(b)))));
        case Type::kF32: {
          const bool nan = op.flag;
          binary<float>(op, [=](float a, float b) {
            if (nan && (a != a || b != b)) return std::bit_cast<float>(0x7fffffffu);
            return min ? float_min(a, b) : float_max(a, b);
          });
          if (op.ftz) {
            float* d = as<float>(op.d);
            each(warp_->active, [&](int lane) { d[lane] = flush(d[lane]); });
          }
          return;
        }
        case Type::kF64:
          if (min) PTX_BINARY(double, float_min(a, b));
          PTX_BINARY(double, float_max(a, b));
        case Type::kF16:
        case Type::kF16x2: {
          const bool nan = op.flag;
          return halves(op, [=](u32 a, u32 b, u32) -> u32 {
            const float x = half_to_float(a), y = half_to_float(b);
            if ((nan && (x != x || y != y)) || (x != x && y != y)) return 0x7fff;
            return float_to_half(min ? float_min(x, y) : float_max(x, y), Round::kNearest);
          });
        }
        default: unknown(op);
      }
    }
    case Code::kNeg:
      switch (op.type) {
        case Type::kS32: PTX_UNARY(u32, 0u - a);
        case Type::kS64: PTX_UNARY(u64, u64{0} - a);
        case Type::kS16: PTX_UNARY(u32, 0u - a);
        case Type::kF32: unary<float>(op, [](float a) { return -a; }); return float_result(op);
        case Type::kF64: PTX_UNARY(double, -a);
        case Type::kF16:
        case Type::kBf16: PTX_UNARY(u32, (a ^ 0x8000) & 0xffff);
        case Type::kF16x2:
        case Type::kBf16x2: PTX_UNARY(u32, a ^ 0x80008000u);
        default: unknown(op);
      }
    case Code::kAbs:
      switch (op.type) {
        case Type::kS32: PTX_UNARY(u32, static_cast<i32>(a) < 0 ? 0u - a : a);
        case Type::kS64: PTX_UNARY(u64, static_cast<i64>(a) < 0 ? u64{0} - a : a);
        case Type::kF32:
          unary<float>(op, [](float a) { return std::fabs(a); });
          return float_result(op);
        case Type::kF64: PTX_UNARY(double, std::fabs(a));
        case Type::kF16:
        case Type::kBf16: PTX_UNARY(u32, a & 0x7fff);
        case Type::kF16x2:
        case Type::kBf16x2: PTX_UNARY(u32, a & 0x7fff7fffu);
        default: unknown(op);
      }
    default: unknown(op);
  }
}

}  // namespace nestor::ptx
