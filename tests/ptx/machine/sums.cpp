#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/floats.h"
#include "tests/ptx/machine/lane_macros.h"

namespace nestor::ptx {

void Executor::float_result(const Op& op) {  // .ftz and .sat of what was computed
  if (!op.ftz && !op.flag) return;
  float* d = as<float>(op.d);
  each(warp_->active, [&](int lane) {
    if (op.ftz) d[lane] = flush(d[lane]);
    if (op.flag) d[lane] = d[lane] != d[lane] ? 0.0f : std::min(1.0f, std::max(0.0f, d[lane]));
  });
}

// a * b + c in fp32, with the rounding that the instruction names.
void Executor::directed(const Op& op) {
  const u32 mode = static_cast<Round>(op.round) == Round::kZero   ? _MM_ROUND_TOWARD_ZERO
                   : static_cast<Round>(op.round) == Round::kDown ? _MM_ROUND_DOWN
                                                                  : _MM_ROUND_UP;
  const float *a = as<float>(op.a), *b = as<float>(op.b);
  float* d = as<float>(op.d);
  const u32 before = _mm_getcsr();
  _mm_setcsr((before & ~static_cast<u32>(_MM_ROUND_MASK)) | mode);
  each(warp_->active, [&](int lane) {
    volatile float x = a[lane], y = b[lane], result = 0;
    switch (op.code) {
      case Code::kAdd: result = x + y; break;
      case Code::kSub: result = x - y; break;
      case Code::kMulLo: result = x * y; break;
      default: {
        volatile float z = as<float>(op.c)[lane];
        result = _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(x), _mm_set_ss(y), _mm_set_ss(z)));
      }
    }
    d[lane] = result;
  });
  _mm_setcsr(before);
  float_result(op);
}

// Sums and products.
void Executor::sums(const Op& op) {
  const int bytes = bytes_of(op.type);
  switch (op.code) {
    case Code::kAdd:
      switch (op.type) {
        case Type::kF32:
          binary<float>(op, [](float a, float b) { return a + b; });
          return float_result(op);
        case Type::kF64: PTX_BINARY(double, a + b);
        case Type::kS64:
        case Type::kU64: PTX_BINARY(u64, a + b);
        case Type::kS32:
        case Type::kU32:
        case Type::kS16:
        case Type::kU16: PTX_BINARY(u32, a + b);
        case Type::kF16:
        case Type::kF16x2:
          return halves(op, [](u32 a, u32 b, u32) { return half_fma(a, 0x3c00, b); });
        case Type::kBf16:
        case Type::kBf16x2:
          return halves(op, [](u32 a, u32 b, u32) { return bf16_fma(a, 0x3f80, b); });
        default: unknown(op);
      }
    case Code::kSub:
      switch (op.type) {
        case Type::kF32:
          binary<float>(op, [](float a, float b) { return a - b; });
          return float_result(op);
        case Type::kF64: PTX_BINARY(double, a - b);
        case Type::kS64:
        case Type::kU64: PTX_BINARY(u64, a - b);
        case Type::kS32:
        case Type::kU32:
        case Type::kS16:
        case Type::kU16: PTX_BINARY(u32, a - b);
        case Type::kF16:
        case Type::kF16x2:
          return halves(op, [](u32 a, u32 b, u32) { return half_fma(b, 0xbc00, a); });
        default: unknown(op);
      }
    case Code::kMulLo:
      switch (op.type) {
        case Type::kF32:
          binary<float>(op, [](float a, float b) { return a * b; });
          return float_result(op);
        case Type::kF64: PTX_BINARY(double, a* b);
        case Type::kS64:
        case Type::kU64: PTX_BINARY(u64, a * b);
        case Type::kS32:
        case Type::kU32:
        case Type::kS16:
        case Type::kU16: PTX_BINARY(u32, a * b);
        case Type::kF16:
        case Type::kF16x2:
          return halves(op, [](u32 a, u32 b, u32) { return half_fma(a, b, 0x8000); });
        case Type::kBf16:
        case Type::kBf16x2:
          return halves(op, [](u32 a, u32 b, u32) { return bf16_fma(a, b, 0x8000); });
        default: unknown(op);
      }
    case Code::kFma:
      switch (op.type) {
        case Type::kF32:
          ternary<float>(op, [](float a, float b, float c) { return std::fma(a, b, c); });
          return float_result(op);
        case Type::kF64: PTX_TERNARY(double, std::fma(a, b, c));
        case Type::kF16:
        case Type::kF16x2: return halves(op, half_fma);
        case Type::kBf16:
        case Type::kBf16x2: return halves(op, bf16_fma);
        default: unknown(op);
      }
    case Code::kMadLo:
      if (bytes == 8) PTX_TERNARY(u64, a * b + c);
      PTX_TERNARY(u32, a * b + c);
    case Code::kMulHi:
      switch (op.type) {
        case Type::kS32: PTX_BINARY(i32, static_cast<i64>(a) * b >> 32);
        case Type::kU32: PTX_BINARY(u32, static_cast<u64>(a) * b >> 32);
        case Type::kS64: PTX_BINARY(i64, static_cast<i128>(a) * b >> 64);
        case Type::kU64: PTX_BINARY(u64, static_cast<u128>(a) * b >> 64);
        default: unknown(op);
      }
    case Code::kMadHi:
      switch (op.type) {
        case Type::kS32:
          PTX_TERNARY(i32, static_cast<u32>(static_cast<i64>(a) * b >> 32) + static_cast<u32>(c));
        case Type::kU32: PTX_TERNARY(u32, (static_cast<u64>(a) * b >> 32) + c);
        default: unknown(op);
      }
    case Code::kMulWide:
    case Code::kMadWide: {
      const bool add = op.code == Code::kMadWide;
      const u32 *a = at(op.a), *b = at(op.b);
      if (bytes == 8) {
        const u64* c = add ? as<u64>(op.c) : nullptr;
        if (op.from == Type::kS32) {
          if (!add)
            return map<u64>(op, [=](int l) {
              return static_cast<u64>(static_cast<i64>(static_cast<i32>(a[l])) *
                                      static_cast<i32>(b[l]));
            });
          return map<u64>(op, [=](int l) {
            return static_cast<u64>(static_cast<i64>(static_cast<i32>(a[l])) *
                                    static_cast<i32>(b[l])) +
                   c[l];
          });
        }
        if (!add) return map<u64>(op, [=](int l) { return static_cast<u64>(a[l]) * b[l]; });
        return map<u64>(op, [=](int l) { return static_cast<u64>(a[l]) * b[l] + c[l]; });
      }
      const u32* c = add ? at(op.c) : nullptr;
      const bool s = op.from == Type::kS16;
      return map<u32>(op, [=](int l) {
        const u32 product =
            s ? static_cast<u32>(static_cast<i32>(static_cast<i16>(a[l])) * static_cast<i16>(b[l]))
              : (a[l] & 0xffff) * (b[l] & 0xffff);
        return product + (c == nullptr ? 0 : c[l]);
      });
    }
    default: unknown(op);
  }
}

}  // namespace nestor::ptx
