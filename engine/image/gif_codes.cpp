// Codes of a growing number of bits, packed into blocks of up to 255 bytes. A full table stays as it
// is until a clear code comes, however late ("deferred"): Netscape's advice, which encoders follow.

#include "engine/image/internal/gif_codes.h"

#include <array>
#include <cstdint>

namespace nestor::image {

namespace {

constexpr unsigned kMaxCodeBits = 12;
constexpr std::size_t kTableSize = std::size_t{1} << kMaxCodeBits;

// The codes; nothing after the last block.
class Codes {
 public:
  explicit Codes(std::span<const unsigned char> blocks) : rest_(blocks) {}

  int next(unsigned num_bits) {
    while (num_available_ < num_bits) {
      if (block_rest_ == 0) {
        if (!take(block_rest_) || block_rest_ == 0) return -1;
      }
      unsigned byte = 0;
      if (!take(byte)) return -1;
      --block_rest_;
      bits_ |= std::uint32_t{byte} << num_available_;
      num_available_ += 8;
    }
    const int code = static_cast<int>(bits_ & ((1U << num_bits) - 1));
    bits_ >>= num_bits;
    num_available_ -= num_bits;
    return code;
  }

 private:
  bool take(unsigned& byte) {
    if (rest_.empty()) return false;
    byte = rest_[0];
    rest_ = rest_.subspan(1);
    return true;
  }

  std::span<const unsigned char> rest_;
  unsigned block_rest_ = 0;
  std::uint32_t bits_ = 0;
  unsigned num_available_ = 0;
};

// What each code stands for: the string of another code and one index more.
class Table {
 public:
  explicit Table(unsigned min_bits) : min_bits_(min_bits) { clear(); }

  unsigned clear_code() const { return 1U << min_bits_; }
  unsigned end_code() const { return clear_code() + 1; }
  unsigned code_bits() const { return code_bits_; }

  void clear() {
    next_ = end_code() + 1;
    code_bits_ = min_bits_ + 1;
    has_previous_ = false;
  }

  // The indices of `code`, or nothing if there can be no such code here.
  std::span<const std::uint8_t> string(unsigned code) {
    if (code > next_ || (code >= clear_code() && !has_previous_)) return {};
    std::size_t begin = string_.size();
    unsigned at = code;
    if (code == next_) {  // the previous string and its own first index
      string_[--begin] = 0;
      at = previous_;
    }
    for (; at >= clear_code(); at = prefix_[at]) string_[--begin] = suffix_[at];
    string_[--begin] = static_cast<std::uint8_t>(at);
    if (code == next_) string_.back() = static_cast<std::uint8_t>(at);
    if (has_previous_) add(at);
    previous_ = code;
    has_previous_ = true;
    return std::span(string_).subspan(begin);
  }

 private:
  void add(unsigned first_index) {
    if (next_ >= kTableSize) return;
    prefix_[next_] = static_cast<std::uint16_t>(previous_);
    suffix_[next_] = static_cast<std::uint8_t>(first_index);
    ++next_;
    if (next_ == 1U << code_bits_ && code_bits_ < kMaxCodeBits) ++code_bits_;
  }

  const unsigned min_bits_;
  unsigned next_ = 0, code_bits_ = 0, previous_ = 0;
  bool has_previous_ = false;  // a code since the table was cleared
  std::array<std::uint16_t, kTableSize> prefix_{};
  std::array<std::uint8_t, kTableSize> suffix_{};
  std::array<std::uint8_t, kTableSize + 1> string_{};  // filled from its end
};

}  // namespace

bool decode_gif_codes(std::span<const unsigned char> data, unsigned min_bits,
                      const std::function<bool(unsigned index)>& put) {
  if (min_bits >= kMaxCodeBits) return false;
  Codes codes(data);
  Table table(min_bits);
  while (true) {
    const int code = codes.next(table.code_bits());
    if (code < 0 || static_cast<unsigned>(code) == table.end_code()) return false;
    if (static_cast<unsigned>(code) == table.clear_code()) {
      table.clear();
      continue;
    }
    const auto indices = table.string(static_cast<unsigned>(code));
    if (indices.empty()) return false;
    for (const std::uint8_t index : indices) {
      if (!put(index)) return true;
    }
  }
}

}  // namespace nestor::image
