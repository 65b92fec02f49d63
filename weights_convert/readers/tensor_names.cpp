#include "weights_convert/readers/tensor_names.h"

#include <unordered_set>

#include "engine/check.h"

namespace nestor {

namespace {

constexpr std::size_t kMaxNameBytes = 64 * 1024;

// Length of the well-formed sequence that text begins with, 0 where it begins with none. The table
// of the Unicode standard: shortest forms only, no surrogates, nothing above U+10FFFF.
std::size_t sequence_bytes(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto between = [](unsigned value, unsigned low, unsigned high) {
    return value >= low && value <= high;
  };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = between(lead, 0xC2, 0xDF)   ? 2
                             : between(lead, 0xE0, 0xEF) ? 3
                             : between(lead, 0xF0, 0xF4) ? 4
                                                         : 0;
  if (length == 0) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (!between(at(1), low, high)) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!between(at(i), 0x80, 0xBF)) return 0;
  }
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = sequence_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

void check_tensor_name(std::string_view name, const std::string& file) {
  CHECK_AS(kBadModel, !name.empty(), "{}: a tensor has an empty name", file);
  CHECK_AS(kBadModel, name.size() <= kMaxNameBytes,
           "{}: a tensor's name has {} bytes, expected at most {}", file, name.size(),
           kMaxNameBytes);
  CHECK_AS(kBadModel, is_utf8(name), "{}: tensor name {:?} is not UTF-8", file, name);
  CHECK_AS(kBadModel, name.find('\0') == std::string_view::npos, "{}: tensor name {:?} holds a NUL",
           file, name);
}

void check_names_unique(const std::vector<SourceTensor>& tensors, const std::string& file) {
  std::unordered_set<std::string_view> seen;
  for (const SourceTensor& tensor : tensors) {
    CHECK_AS(kBadModel, !tensor.name || seen.insert(*tensor.name).second,
             "{}: tensor {:?} occurs twice", file, *tensor.name);
  }
}

}  // namespace nestor
