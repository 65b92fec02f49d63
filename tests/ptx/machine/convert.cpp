#include <limits>

#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/floats.h"

namespace nestor::ptx {

namespace {

// A float to an integer: to that rounding, NaN is 0, what does not fit becomes the nearest.
template <class To, class From>
To to_integer(From x, Round round) {
  if (x != x) return 0;
  From whole = x;
  switch (round) {
    case Round::kIntNearest: whole = std::nearbyint(x); break;
    case Round::kIntDown: whole = std::floor(x); break;
    case Round::kIntUp: whole = std::ceil(x); break;
    default: whole = std::trunc(x); break;
  }
  constexpr auto kLeast = std::numeric_limits<To>::min();
  constexpr auto kMost = std::numeric_limits<To>::max();
  if (whole <= static_cast<From>(kLeast)) return kLeast;
  if (whole >= static_cast<From>(kMost)) return kMost;
  return static_cast<To>(whole);
}

}  // namespace

void Executor::convert(const Op& op) {
  const Round round = static_cast<Round>(op.round);
  const u32* a32 = op.a == kNoOperand ? nullptr : at(op.a);
  // To pairs of narrow floats: a becomes the upper half.
  if (op.type == Type::kF16x2 || op.type == Type::kBf16x2) {
    if (op.from != Type::kF32 || op.flag) unknown(op);
    const float *a = as<float>(op.a), *b = as<float>(op.b);
    if (op.type == Type::kF16x2) {
      return map<u32>(
          op, [=](int l) { return float_to_half(a[l], round) << 16 | float_to_half(b[l], round); });
    }
    return map<u32>(
        op, [=](int l) { return float_to_bf16(a[l], round) << 16 | float_to_bf16(b[l], round); });
  }
  if (op.flag && !(op.type == Type::kF32 && op.from == Type::kF32)) unknown(op);
  // The source as an integer of 64 bits, or as a float or double.
  const int to_bytes = bytes_of(op.type);
  if (!is_float(op.from)) {
    const auto narrow = [&](auto f) {  // f: the lane's value, extended to 64 bits
      if (!is_float(op.type)) {
        switch (to_bytes) {
          case 1:
            return map<u32>(op, [=](int l) {
              const i64 v = f(l);
              return op.type == Type::kS8
                         ? static_cast<u32>(static_cast<i32>(static_cast<signed char>(v)))
                         : static_cast<u32>(v) & 0xff;
            });
          case 2:
            return map<u32>(op, [=](int l) {
              const i64 v = f(l);
              return op.type == Type::kS16 ? static_cast<u32>(static_cast<i32>(static_cast<i16>(v)))
                                           : static_cast<u32>(v) & 0xffff;
            });
          case 4: return map<u32>(op, [=](int l) { return static_cast<u32>(f(l)); });
          default: return map<u64>(op, [=](int l) { return static_cast<u64>(f(l)); });
        }
      }
      if (round != Round::kNearest && round != Round::kNone) unknown(op);
      const bool is_unsigned = op.from == Type::kU64;
      switch (op.type) {
        case Type::kF32:
          return map<float>(op, [=](int l) {
            return is_unsigned ? static_cast<float>(static_cast<u64>(f(l)))
                               : static_cast<float>(f(l));
          });
        case Type::kF64:
          return map<double>(op, [=](int l) {
            return is_unsigned ? static_cast<double>(static_cast<u64>(f(l)))
                               : static_cast<double>(f(l));
          });
        case Type::kF16:
          // Integers of up to 24 bits are exact in fp32; longer ones overflow a half or are rounded
          // to odd enough.
          if (bytes_of(op.from) > 2) unknown(op);
          return map<u32>(
              op, [=](int l) { return float_to_half(static_cast<float>(f(l)), Round::kNearest); });
        default: unknown(op);
      }
    };
    const u64* a64 = as<u64>(op.a);
    const bool wider = op.sub != 0;  // the lower bits of a register of 64 are converted
    const auto low = [=](int l) { return wider ? static_cast<u32>(a64[l]) : a32[l]; };
    switch (op.from) {
      case Type::kB8:
      case Type::kU8: return narrow([=](int l) { return static_cast<i64>(low(l) & 0xff); });
      case Type::kS8:
        return narrow([=](int l) { return static_cast<i64>(static_cast<signed char>(low(l))); });
      case Type::kB16:
      case Type::kU16: return narrow([=](int l) { return static_cast<i64>(low(l) & 0xffff); });
      case Type::kS16:
        return narrow([=](int l) { return static_cast<i64>(static_cast<i16>(low(l))); });
      case Type::kB32:
      case Type::kU32: return narrow([=](int l) { return static_cast<i64>(low(l)); });
      case Type::kS32:
        return narrow([=](int l) { return static_cast<i64>(static_cast<i32>(low(l))); });
      default: return narrow([=](int l) { return static_cast<i64>(a64[l]); });
    }
  }
  const auto from_float = [&](auto f) {
    using F = decltype(f(0));
    switch (op.type) {
      case Type::kF32:
        if constexpr (sizeof(F) == 8) {
          if (round != Round::kNearest) unknown(op);
          return map<float>(op, [=](int l) { return static_cast<float>(f(l)); });
        } else {
          map<float>(op, [=](int l) {
            switch (round) {
              case Round::kIntNearest: return static_cast<float>(std::nearbyint(f(l)));
              case Round::kIntZero: return static_cast<float>(std::trunc(f(l)));
              case Round::kIntDown: return static_cast<float>(std::floor(f(l)));
              case Round::kIntUp: return static_cast<float>(std::ceil(f(l)));
              default: return static_cast<float>(f(l));
            }
          });
          return float_result(op);
        }
      case Type::kF64: return map<double>(op, [=](int l) { return static_cast<double>(f(l)); });
      case Type::kF16:
        if constexpr (sizeof(F) == 8) unknown(op);
        return map<u32>(op, [=](int l) { return float_to_half(static_cast<float>(f(l)), round); });
      case Type::kBf16:
        if constexpr (sizeof(F) == 8) unknown(op);
        return map<u32>(op, [=](int l) { return float_to_bf16(static_cast<float>(f(l)), round); });
      case Type::kTf32:  // .rna: to nearest, ties away from zero
        return map<u32>(op, [=](int l) {
          return (std::bit_cast<u32>(static_cast<float>(f(l))) + 0x1000) & 0xffffe000u;
        });
      case Type::kS32: return map<i32>(op, [=](int l) { return to_integer<i32>(f(l), round); });
      case Type::kU32: return map<u32>(op, [=](int l) { return to_integer<u32>(f(l), round); });
      case Type::kS64: return map<i64>(op, [=](int l) { return to_integer<i64>(f(l), round); });
      case Type::kU64: return map<u64>(op, [=](int l) { return to_integer<u64>(f(l), round); });
      case Type::kS16:
        return map<u32>(op, [=](int l) {
          return static_cast<u32>(static_cast<i32>(to_integer<i16>(f(l), round)));
        });
      case Type::kU16:
        return map<u32>(op, [=](int l) { return static_cast<u32>(to_integer<u16>(f(l), round)); });
      default: unknown(op);
    }
  };
  switch (op.from) {
    case Type::kF16: return from_float([=](int l) { return half_to_float(a32[l] & 0xffff); });
    case Type::kBf16: return from_float([=](int l) { return bf16_to_float(a32[l] & 0xffff); });
    case Type::kF32: {
      const float* a = as<float>(op.a);
      if (op.ftz) return from_float([=](int l) { return flush(a[l]); });
      return from_float([=](int l) { return a[l]; });
    }
    case Type::kF64: {
      const double* a = as<double>(op.a);
      return from_float([=](int l) { return a[l]; });
    }
    default: unknown(op);
  }
}

}  // namespace nestor::ptx
