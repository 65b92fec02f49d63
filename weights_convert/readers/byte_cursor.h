#pragma once
// Reads little-endian numbers and runs of bytes from untrusted memory, front to back.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/check.h"
#include "engine/checked.h"

namespace nestor {

class ByteCursor {
 public:
  // file is for messages and must outlive the cursor.
  ByteCursor(std::span<const std::byte> bytes, const std::string& file, std::size_t position = 0)
      : bytes_(bytes), file_(file), position_(position) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  const std::string& file() const { return file_; }

  // what names the thing in the message of a file that ends too early.
  std::span<const std::byte> take(CheckedSize count, std::string_view what) {
    CHECK_AS(kBadModel, count.at_most(remaining()), "{}: ends inside {}, at byte {} of {}", file_,
             what, position_, bytes_.size());
    const std::span<const std::byte> taken = bytes_.subspan(position_, count.value());
    position_ += taken.size();
    return taken;
  }

  std::string_view take_text(CheckedSize count, std::string_view what) {
    const std::span<const std::byte> taken = take(count, what);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

  template <std::integral Integer>
  Integer read(std::string_view what) {
    const std::span<const std::byte> taken = take(sizeof(Integer), what);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      value |= std::to_integer<std::uint64_t>(taken[i]) << (8 * i);
    }
    return static_cast<Integer>(value);
  }

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::size_t position_;
};

}  // namespace nestor
