// Words of PTX that all parts of the machine use.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace nestor::ptx {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
__extension__ using i128 = __int128;
__extension__ using u128 = unsigned __int128;

constexpr int kLanes = 32;

// What a kernel did that no GPU would forgive, or what this machine does not know.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Space : u8 { kGeneric, kGlobal, kShared, kLocal, kParam, kConst };

enum class Type : u8 {
  kNone,
  kPred,
  kB8,
  kU8,
  kS8,
  kB16,
  kU16,
  kS16,
  kF16,
  kBf16,
  kB32,
  kU32,
  kS32,
  kF32,
  kF16x2,
  kBf16x2,
  kTf32,
  kB64,
  kU64,
  kS64,
  kF64
};

int bytes_of(Type type);
bool is_signed(Type type);
bool is_float(Type type);

}  // namespace nestor::ptx
