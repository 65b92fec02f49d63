#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/floats.h"
#include "tests/ptx/machine/lane_macros.h"

namespace nestor::ptx {

namespace {

// `b` with the low `len` bits of `a` at `pos`; what would lie behind the last bit is left out.
template <class Bits>
Bits inserted(Bits a, Bits b, u32 pos, u32 len) {
  constexpr u32 kBits = 8 * sizeof(Bits);
  pos &= 0xff;
  len &= 0xff;
  for (u32 i = 0; i < len && pos + i < kBits; ++i) {
    const u32 at = pos + i;
    b = (b & ~(Bits{1} << at)) | (a >> i & 1) << at;
  }
  return b;
}

}  // namespace

// Logic, shifts and fields of bits.
void Executor::bits(const Op& op) {
  const int bytes = bytes_of(op.type);
  switch (op.code) {
    case Code::kAnd:
    case Code::kOr:
    case Code::kXor:
      if (op.type == Type::kPred) {
        const u32 a = preds_[op.a], b = preds_[op.b], active = warp_->active;
        const u32 value = op.code == Code::kAnd ? a & b : op.code == Code::kOr ? a | b : a ^ b;
        preds_[op.d] = (preds_[op.d] & ~active) | (value & active);
        return;
      }
      if (bytes == 8) {
        if (op.code == Code::kAnd) PTX_BINARY(u64, a & b);
        if (op.code == Code::kOr) PTX_BINARY(u64, a | b);
        PTX_BINARY(u64, a ^ b);
      }
      if (op.code == Code::kAnd) PTX_BINARY(u32, a & b);
      if (op.code == Code::kOr) PTX_BINARY(u32, a | b);
      PTX_BINARY(u32, a ^ b);
    case Code::kNot:
      if (op.type == Type::kPred) {
        const u32 active = warp_->active;
        preds_[op.d] = (preds_[op.d] & ~active) | (~preds_[op.a] & active);
        return;
      }
      if (bytes == 8) PTX_UNARY(u64, ~a);
      PTX_UNARY(u32, ~a);
    case Code::kShl:
    case Code::kShr: {  // amounts are cut off at the width
      const u32* amount = at(op.b);
      const bool left = op.code == Code::kShl;
      if (bytes == 8) {
        const u64* a = as<u64>(op.a);
        if (left)
          return map<u64>(op, [=](int l) { return amount[l] >= 64 ? 0 : a[l] << amount[l]; });
        if (op.type == Type::kS64)
          return map<u64>(op, [=](int l) {
            return static_cast<u64>(static_cast<i64>(a[l]) >> std::min(amount[l], 63u));
          });
        return map<u64>(op, [=](int l) { return amount[l] >= 64 ? 0 : a[l] >> amount[l]; });
      }
      const u32* a = at(op.a);
      if (bytes == 4) {
        if (left)
          return map<u32>(op,
                          [=](int l) { return amount[l] >= 32 ? 0u : a[l] << (amount[l] & 31); });
        if (op.type == Type::kS32)
          return map<u32>(op, [=](int l) {
            return static_cast<u32>(static_cast<i32>(a[l]) >> std::min(amount[l], 31u));
          });
        return map<u32>(op, [=](int l) { return amount[l] >= 32 ? 0u : a[l] >> (amount[l] & 31); });
      }
      if (left)
        return map<u32>(op, [=](int l) { return amount[l] >= 16 ? 0u : a[l] << amount[l]; });
      if (op.type == Type::kS16)
        return map<u32>(op, [=](int l) {
          return static_cast<u32>(static_cast<i32>(static_cast<i16>(a[l])) >>
                                  std::min(amount[l], 15u));
        });
      return map<u32>(op,
                      [=](int l) { return amount[l] >= 16 ? 0u : (a[l] & 0xffff) >> amount[l]; });
    }
    case Code::kShfL:
    case Code::kShfR: {  // of the 64 bits b:a
      const bool left = op.code == Code::kShfL, wrap = op.flag;
      return ternary<u32>(op, [=](u32 a, u32 b, u32 c) -> u32 {
        const u32 n = wrap ? c & 31 : std::min(c, 32u);
        const u64 both = static_cast<u64>(b) << 32 | a;
        return left ? static_cast<u32>((both << n) >> 32) : static_cast<u32>(both >> n);
      });
    }
    case Code::kPopc:
    case Code::kClz:
    case Code::kBfind: {
      const bool wide = bytes_of(op.from) == 8;
      if (op.code == Code::kBfind && is_signed(op.from)) unknown(op);
      const u32* narrow = at(op.a);
      const u64* a = as<u64>(op.a);
      const Code code = op.code;
      return map<u32>(op, [=](int l) -> u32 {
        const u64 x = wide ? a[l] : narrow[l];
        if (code == Code::kPopc) return static_cast<u32>(std::popcount(x));
        if (code == Code::kClz) return static_cast<u32>(std::countl_zero(x)) - (wide ? 0u : 32u);
        return x == 0 ? ~0u : 63u - static_cast<u32>(std::countl_zero(x));
      });
    }
    case Code::kBrev:
      if (bytes != 4) unknown(op);
      return unary<u32>(op, [](u32 a) {
        u32 r = 0;
        for (int i = 0; i < 32; ++i) r |= (a >> i & 1) << (31 - i);
        return r;
      });
    case Code::kBfe: {
      if (bytes != 4) unknown(op);
      const bool s = op.type == Type::kS32;
      return ternary<u32>(op, [=](u32 a, u32 b, u32 c) -> u32 {
        const u32 pos = b & 0xff, len = c & 0xff;
        const u32 sign = !s || len == 0 ? 0 : a >> std::min(pos + len - 1, 31u) & 1;
        u32 d = 0;
        for (u32 i = 0; i < 32; ++i)
          d |= (i < len && pos + i < 32 ? a >> (pos + i) & 1 : sign) << i;
        return d;
      });
    }
    case Code::kBfi: {
      const u32 *pos = at(op.c), *len = at(op.e);
      if (bytes == 8) {
        const u64 *a = as<u64>(op.a), *b = as<u64>(op.b);
        return map<u64>(op, [=](int l) { return inserted(a[l], b[l], pos[l], len[l]); });
      }
      const u32 *a = at(op.a), *b = at(op.b);
      return map<u32>(op, [=](int l) { return inserted(a[l], b[l], pos[l], len[l]); });
    }
    case Code::kPrmt:
      return ternary<u32>(op, [](u32 a, u32 b, u32 c) -> u32 {
        const u64 both = static_cast<u64>(b) << 32 | a;
        u32 d = 0;
        for (u32 i = 0; i < 4; ++i) {
          const u32 selector = c >> (4 * i) & 15;
          u32 byte = static_cast<u32>(both >> (8 * (selector & 7))) & 0xff;
          if ((selector & 8) != 0) byte = (byte & 0x80) != 0 ? 0xff : 0;
          d |= byte << (8 * i);
        }
        return d;
      });
    case Code::kLop3: {
      const u32 table = static_cast<u32>(op.imm);
      return ternary<u32>(op, [=](u32 a, u32 b, u32 c) -> u32 {
        u32 d = 0;
        for (u32 i = 0; i < 8; ++i) {
          if ((table >> i & 1) == 0) continue;
          d |= ((i & 4) != 0 ? a : ~a) & ((i & 2) != 0 ? b : ~b) & ((i & 1) != 0 ? c : ~c);
        }
        return d;
      });
    }
    default: unknown(op);
  }
}

}  // namespace nestor::ptx
