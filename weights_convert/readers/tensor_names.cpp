#include "weights_convert/readers/tensor_names.h"

#include <unordered_set>

#include "engine/check.h"
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
