#pragma once
// Parts of a launcher's workspace, one behind the other. Plain C++.

#include <cstdint>

namespace nestor {

class WorkspaceParts {
 public:
  // The offset of `count` elements of `size` bytes.
  std::int64_t next(std::int64_t count, std::int64_t size) {
    const std::int64_t offset = bytes_;
    bytes_ += (count * size + kAlignment - 1) / kAlignment * kAlignment;
    return offset;
  }

  std::int64_t bytes() const { return bytes_; }

 private:
  static constexpr std::int64_t kAlignment = 256;
  std::int64_t bytes_ = 0;
};

}  // namespace nestor
