// Included by the *.inl of kernels: vectors of one block of channels, and how planes store them.
// NESTOR_ISA is the name of a namespace and NESTOR_BLOCK the number of channels in a vector.
// Vectors are those of GCC and Clang; a set with narrower registers uses several for one.

#include <cstdint>
#include <cstring>

namespace nestor::cpu::NESTOR_ISA {

namespace {

constexpr int kBlock = NESTOR_BLOCK;

using Vector = float __attribute__((vector_size(kBlock * 4)));
using Bits = std::uint32_t __attribute__((vector_size(kBlock * 4)));
using Halves = std::uint16_t __attribute__((vector_size(kBlock * 2)));

struct Float32 {
  static constexpr int kBytes = 4;
  static Vector load(const char* from) {
    Vector v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  static void store(char* to, Vector v) { std::memcpy(to, &v, sizeof v); }
};

// The upper half of a float32; rounded to nearest even. Infinities stay; NaN stays NaN.
struct BFloat16 {
  static constexpr int kBytes = 2;
  static Vector load(const char* from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    const Bits bits = __builtin_convertvector(halves, Bits) << 16;
    Vector v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
  }
  static void store(char* to, Vector v) {
    Bits bits;
    std::memcpy(&bits, &v, sizeof bits);
    const Bits rounded = (bits + (0x7FFFU + ((bits >> 16) & 1U))) >> 16;
    const Bits quiet_nan = (bits >> 16) | 0x40U;
    const Bits is_nan = (Bits)((bits & 0x7FFFFFFFU) > 0x7F800000U);
    const Halves halves =
        __builtin_convertvector((is_nan & quiet_nan) | (~is_nan & rounded), Halves);
    std::memcpy(to, &halves, sizeof halves);
  }
};

template <class Storage>
Vector pixel(const void* plane, std::int64_t idx) {
  return Storage::load(static_cast<const char*>(plane) + idx * kBlock * Storage::kBytes);
}

template <class Storage>
void set_pixel(void* plane, std::int64_t idx, Vector v) {
  Storage::store(static_cast<char*>(plane) + idx * kBlock * Storage::kBytes, v);
}

[[maybe_unused]] Vector vector_at(const float* values, std::int64_t idx) {
  return Float32::load(reinterpret_cast<const char*>(values + idx * kBlock));
}

[[maybe_unused]] void set_vector(float* values, std::int64_t idx, Vector v) {
  Float32::store(reinterpret_cast<char*>(values + idx * kBlock), v);
}

}  // namespace

}  // namespace nestor::cpu::NESTOR_ISA
