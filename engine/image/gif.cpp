// Walks through a GIF file to its first frame and counts the pixels that its LZW codes stand for.

#include "engine/image/internal/gif.h"

#include <cstdint>
#include <vector>

namespace nestor::image {

namespace {

constexpr int kMaxCodeBits = 12;

// Bytes in order; zeros, and `ended`, beyond the end.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  bool ended() const { return ended_; }

  unsigned byte() {
    if (rest_.empty()) {
      ended_ = true;
      return 0;
    }
    const unsigned value = std::to_integer<unsigned>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }

  unsigned word() {
    const unsigned low = byte();
    return low | byte() << 8;
  }

  void skip(unsigned count) {
    for (unsigned i = 0; i < count && !ended_; ++i) byte();
  }

  void skip_blocks() {
    while (const unsigned length = byte()) skip(length);
  }

 private:
  std::span<const std::byte> rest_;
  bool ended_ = false;
};

void skip_palette(Reader& reader, unsigned flags) {
  if ((flags & 0x80) != 0) reader.skip(3U << ((flags & 7) + 1));
}

// The LZW codes, packed into blocks of up to 255 bytes; -1 after the last block.
class Codes {
 public:
  explicit Codes(Reader& reader) : reader_(reader) {}

  int next(int num_bits) {
    while (num_available_ < num_bits) {
      if (block_rest_ == 0 && (block_rest_ = reader_.byte()) == 0) return -1;
      --block_rest_;
      bits_ |= reader_.byte() << num_available_;
      num_available_ += 8;
    }
    const int code = static_cast<int>(bits_ & ((1U << num_bits) - 1));
    bits_ >>= num_bits;
    num_available_ -= num_bits;
    return code;
  }

 private:
  Reader& reader_;
  unsigned block_rest_ = 0;
  std::uint32_t bits_ = 0;
  int num_available_ = 0;
};

// Pixels that the codes stand for, up to the end code or a code that cannot be.
std::uint64_t count_pixels(Reader& reader, std::uint64_t enough) {
  const unsigned min_bits = reader.byte();
  if (min_bits >= kMaxCodeBits) return 0;
  const int clear = 1 << min_bits, end = clear + 1;
  std::vector<std::uint32_t> lengths(1 << kMaxCodeBits, 1);  // of the string of each code
  Codes codes(reader);
  std::uint64_t num_pixels = 0;
  int num_bits = static_cast<int>(min_bits) + 1, next = end + 1;
  std::uint32_t previous_length = 0;  // 0: no code since the table was cleared
  while (num_pixels < enough) {
    const int code = codes.next(num_bits);
    if (code < 0 || code == end) break;
    if (code == clear) {
      num_bits = static_cast<int>(min_bits) + 1;
      next = end + 1;
      previous_length = 0;
      continue;
    }
    if (code > next || (code == next && previous_length == 0)) break;
    if (previous_length > 0 && next < (1 << kMaxCodeBits)) {
      lengths[static_cast<std::size_t>(next++)] = previous_length + 1;
      if (next == 1 << num_bits && num_bits < kMaxCodeBits) ++num_bits;
    }
    previous_length = lengths[static_cast<std::size_t>(code)];
    num_pixels += previous_length;
  }
  return num_pixels;
}

}  // namespace

bool gif_frame_is_complete(std::span<const std::byte> file) {
  Reader reader(file);
  reader.skip(10);  // signature, width, height
  const unsigned screen_flags = reader.byte();
  reader.skip(2);
  skip_palette(reader, screen_flags);
  unsigned block = reader.byte();
  for (; block == '!' && !reader.ended(); block = reader.byte()) {
    reader.byte();  // which extension
    reader.skip_blocks();
  }
  if (block != ',') return false;
  reader.skip(4);  // position
  const std::uint64_t width = reader.word(), height = reader.word();
  skip_palette(reader, reader.byte());
  return count_pixels(reader, width * height) >= width * height && !reader.ended();
}

}  // namespace nestor::image
