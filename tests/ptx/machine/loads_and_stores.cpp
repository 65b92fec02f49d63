#include <cstring>

#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

template <class E, class R>
void Executor::load_elements(const Op& op, u8* const* from, u32 mask) {
  for (u32 element = 0; element < op.count; ++element) {
    const u32 place = extra_[op.extra + element];
    if (place == kNoOperand) continue;
    R* to = as<R>(place);
    each(mask, [&](int lane) {
      E value;
      std::memcpy(&value, from[lane] + element * sizeof(E), sizeof(E));
      to[lane] = static_cast<R>(value);
    });
  }
}

void Executor::load(const Op& op) {
  u64 address[kLanes];
  u8* from[kLanes];
  addresses(op, address);
  const u32 mask = warp_->active;
  translate(op, op.space, address, mask, static_cast<u32>(bytes_of(op.type)) * op.count, false,
            from);
  if (op.from == Type::kB64) {  // into a wider register
    switch (op.type) {
      case Type::kS32: return load_elements<i32, i64>(op, from, mask);
      case Type::kU32:
      case Type::kB32: return load_elements<u32, u64>(op, from, mask);
      case Type::kU16:
      case Type::kB16: return load_elements<u16, u64>(op, from, mask);
      case Type::kS16: return load_elements<i16, i64>(op, from, mask);
      case Type::kU8:
      case Type::kB8: return load_elements<u8, u64>(op, from, mask);
      case Type::kS8: return load_elements<signed char, i64>(op, from, mask);
      default: fault(op, 0, "an unknown kind of load");
    }
  }
  switch (op.type) {
    case Type::kB8:
    case Type::kU8: return load_elements<u8, u32>(op, from, mask);
    case Type::kS8: return load_elements<signed char, i32>(op, from, mask);
    case Type::kS16: return load_elements<i16, i32>(op, from, mask);
    case Type::kB16:
    case Type::kU16:
    case Type::kF16:
    case Type::kBf16: return load_elements<u16, u32>(op, from, mask);
    case Type::kB64:
    case Type::kU64:
    case Type::kS64:
    case Type::kF64: return load_elements<u64, u64>(op, from, mask);
    default: return load_elements<u32, u32>(op, from, mask);
  }
}

template <class E, class R>
void Executor::store_elements(const Op& op, u8* const* to, u32 mask) {
  for (u32 element = 0; element < op.count; ++element) {
    const R* from = as<R>(extra_[op.extra + element]);
    each(mask, [&](int lane) {
      const E value = static_cast<E>(from[lane]);
      std::memcpy(to[lane] + element * sizeof(E), &value, sizeof(E));
    });
  }
}

void Executor::store(const Op& op) {
  u64 address[kLanes];
  u8* to[kLanes];
  addresses(op, address);
  const u32 mask = warp_->active;
  translate(op, op.space, address, mask, static_cast<u32>(bytes_of(op.type)) * op.count, true, to);
  const bool wide = op.from == Type::kB64;
  switch (bytes_of(op.type)) {
    case 1:
      return wide ? store_elements<u8, u64>(op, to, mask) : store_elements<u8, u32>(op, to, mask);
    case 2:
      return wide ? store_elements<u16, u64>(op, to, mask) : store_elements<u16, u32>(op, to, mask);
    case 4:
      return wide ? store_elements<u32, u64>(op, to, mask) : store_elements<u32, u32>(op, to, mask);
    default: return store_elements<u64, u64>(op, to, mask);
  }
}

}  // namespace nestor::ptx
