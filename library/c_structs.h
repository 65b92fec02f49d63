#pragma once
// Structs of the C interface that may be another version's: smaller ones of older headers, larger
// ones of newer headers.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "engine/check.h"

namespace nestor {

// `first`: the size of T in the first version of the interface, of which there is no smaller one.
template <class T>
void check_size(std::size_t size, std::size_t first, const char* what) {
  CHECK_AS(kUsage, size >= first, "{} of {} bytes, expected at least {}: begin with its INIT macro",
           what, size, first);
}

// The struct as this version knows it: members that the caller's does not have are zero. Throws
// kUsage if the caller's has some, not zero, that this version does not know.
template <class T>
T read_struct(const T& given, std::size_t first, const char* what) {
  check_size<T>(given.size, first, what);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(&given);
  if (given.size > sizeof(T)) {
    const bool zero = std::all_of(bytes + sizeof(T), bytes + given.size,
                                  [](unsigned char byte) { return byte == 0; });
    CHECK_AS(kUsage, zero, "{} of {} bytes has members that this version of Nestor does not know",
             what, given.size);
  }
  T known{};
  std::memcpy(&known, &given, std::min(given.size, sizeof(T)));
  return known;
}

// Writes the members that the caller's struct has; those that this version does not know become
// zero. `size`: the caller's.
template <class T>
void write_struct(void* target, T value, std::size_t size) {
  value.size = size;
  std::memset(target, 0, size);
  std::memcpy(target, &value, std::min(size, sizeof(T)));
}

// Struct `idx` of an array whose structs have that size.
template <class T>
T* struct_at(T* array, std::size_t size, std::size_t idx) {
  using Byte = std::conditional_t<std::is_const_v<T>, const unsigned char, unsigned char>;
  return reinterpret_cast<T*>(reinterpret_cast<Byte*>(array) + idx * size);
}

}  // namespace nestor
