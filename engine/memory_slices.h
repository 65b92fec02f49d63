#pragma once
// One piece of memory for several arrays.

#include <cstddef>

namespace nestor {

// Hands out arrays one behind the other, each aligned for any type. Of null it hands out null, to
// see how many bytes they take.
class MemorySlices {
 public:
  explicit MemorySlices(void* memory) : memory_(static_cast<std::byte*>(memory)) {}

  template <class T>
  T* next(std::size_t count) {
    constexpr std::size_t kAlignment = 64;
    std::byte* const begin = memory_ == nullptr ? nullptr : memory_ + bytes_;
    bytes_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return reinterpret_cast<T*>(begin);
  }

  std::size_t bytes() const { return bytes_; }

 private:
  std::byte* memory_;
  std::size_t bytes_ = 0;
};

}  // namespace nestor
