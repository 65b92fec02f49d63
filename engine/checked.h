#pragma once
// Arithmetic for sizes that come from a file. A CheckedSize is an unsigned 64-bit number or
// "overflowed"; once overflowed it stays so, whatever it is added to or multiplied by. Compare it
// with the bytes that are really there before allocating or reading anything:
//
//   const CheckedSize end = CheckedSize(offset) + CheckedSize(count) * item_size;
//   if (!end.at_most(file_size)) refuse();

#include <cstdint>
#include <limits>
#include <type_traits>

namespace nestor {

class CheckedSize {
 public:
  constexpr CheckedSize() = default;

  // A negative number counts as overflowed: no size is negative.
  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
  constexpr CheckedSize(
      Integer value)  // NOLINT(google-explicit-constructor): sizes mix with integers
      : value_(static_cast<std::uint64_t>(value)), overflowed_(value < Integer{0}) {}

  constexpr bool overflowed() const { return overflowed_; }

  // The number, if it is known not to have overflowed.
  constexpr std::uint64_t value() const { return value_; }

  constexpr bool at_most(std::uint64_t limit) const { return !overflowed_ && value_ <= limit; }
  constexpr bool equals(std::uint64_t other) const { return !overflowed_ && value_ == other; }

  constexpr CheckedSize operator+(CheckedSize other) const {
    CheckedSize sum;
    sum.overflowed_ = __builtin_add_overflow(value_, other.value_, &sum.value_) || overflowed_ ||
                      other.overflowed_;
    return sum;
  }

  constexpr CheckedSize operator*(CheckedSize other) const {
    CheckedSize product;
    product.overflowed_ = __builtin_mul_overflow(value_, other.value_, &product.value_) ||
                          overflowed_ || other.overflowed_;
    return product;
  }

  constexpr CheckedSize& operator+=(CheckedSize other) { return *this = *this + other; }
  constexpr CheckedSize& operator*=(CheckedSize other) { return *this = *this * other; }

 private:
  std::uint64_t value_ = 0;
  bool overflowed_ = false;
};

}  // namespace nestor
