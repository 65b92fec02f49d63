#include "apps/common/shard.h"

#include <charconv>
#include <utility>

#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

// Whether all of the text is a number.
bool parse(std::string_view text, std::size_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Shard parse_shard(std::string_view text) {
  const std::size_t slash = text.find('/');
  Shard shard;
  const bool numbers = slash != std::string_view::npos && parse(text.substr(0, slash), shard.idx) &&
                       parse(text.substr(slash + 1), shard.count);
  CHECK_AS(kUsage, numbers && shard.idx >= 1 && shard.idx <= shard.count,
           "--shard {}: expected I/N, I from 1 to N", printable(std::string(text)));
  return shard;
}

std::vector<std::string> names_of(const Shard& shard, std::vector<std::string> names) {
  std::vector<std::string> chosen;
  for (std::size_t idx = shard.idx - 1; idx < names.size(); idx += shard.count) {
    chosen.push_back(std::move(names[idx]));
  }
  return chosen;
}

}  // namespace nestor
