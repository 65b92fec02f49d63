#pragma once
// Reads the little-endian numbers of a picture's header, none of them beyond the file's end.

#include "engine/check.h"
#include "engine/image/internal/decoders.h"

namespace nestor::image {

class ByteReader {
 public:
  ByteReader(const Source& source, std::string_view format) : source_(source), format_(format) {}

  std::size_t offset() const { return offset_; }
  std::size_t num_left() const { return source_.bytes.size() - offset_; }

  void seek(std::size_t offset) {
    require(offset <= source_.bytes.size());
    offset_ = offset;
  }
  void skip(std::size_t count) { take(count); }

  // The next `count` bytes. Throws kBadInput if the file has fewer.
  std::span<const unsigned char> take(std::size_t count) {
    require(count <= num_left());
    offset_ += count;
    return {source_.data() + offset_ - count, count};
  }
  // The next bytes, at most `count`: what a file that ends early has of them.
  std::span<const unsigned char> take_at_most(std::size_t count) {
    return take(std::min(count, num_left()));
  }

  unsigned byte() { return take(1)[0]; }
  unsigned word() { return number(2); }
  std::uint32_t dword() { return number(4); }

 private:
  void require(bool there) const {
    CHECK_AS(kBadInput, there, "{}: the {} file ends early, in its header", source_.name, format_);
  }

  std::uint32_t number(std::size_t size_bytes) {
    std::uint32_t value = 0;
    const auto bytes = take(size_bytes);
    for (std::size_t i = size_bytes; i-- > 0;) value = value << 8 | bytes[i];
    return value;
  }

  const Source& source_;
  std::string_view format_;
  std::size_t offset_ = 0;
};

}  // namespace nestor::image
