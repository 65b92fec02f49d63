#pragma once
// Descriptors 0 to 2, which a process may be started without.

#include <cstddef>
#include <memory>
#include <span>

namespace nestor {

// Opens those of the descriptors 0, 1 and 2 that are closed, so that no file that is opened later
// gets one of them and is written over by messages. Reading from such a standard input and writing
// to such a standard output fail, as on a closed descriptor; messages are lost.
void occupy_standard_descriptors();

// All of standard input, in pages of its own that are given back with it. They are read into once
// and never copied.
class StandardInput {
 public:
  // Throws kBadInput for more than `max_bytes` and if it cannot be read, kOutOfMemory.
  explicit StandardInput(std::size_t max_bytes);
  ~StandardInput();
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_;
  std::size_t reserved_, size_ = 0;
};

}  // namespace nestor
