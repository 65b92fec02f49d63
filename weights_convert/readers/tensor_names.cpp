#include "weights_convert/readers/tensor_names.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/printable_text.h"
#include "engine/utf8.h"

namespace nestor {

namespace {

constexpr std::size_t kMaxNameBytes = 64 * 1024;

}  // namespace

void check_tensor_name(std::string_view name, const std::string& file) {
  CHECK_AS(kBadModel, !name.empty(), "{}: a tensor has an empty name", file);
  CHECK_AS(kBadModel, name.size() <= kMaxNameBytes,
           "{}: a tensor's name has {} bytes, expected at most {}", file, name.size(),
           kMaxNameBytes);
  CHECK_AS(kBadModel, is_utf8(name), "{}: tensor name {} is not UTF-8", file, quoted_name(name));
  CHECK_AS(kBadModel, name.find('\0') == std::string_view::npos, "{}: tensor name {} holds a NUL",
           file, quoted_name(name));
}

void check_names_unique(const std::vector<SourceTensor>& tensors, const std::string& file) {
  // Sorted, not hashed: names can be made so that they all have one hash.
  std::vector<std::string_view> names;
  for (const SourceTensor& tensor : tensors) {
    if (tensor.name) names.emplace_back(*tensor.name);
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  CHECK_AS(kBadModel, twice == names.end(), "{}: tensor {} occurs twice", file,
           quoted_name(*twice));
}

}  // namespace nestor
