#include "apps/common/choices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/nearest_names.h"

namespace nestor {

CLI::Validator one_of(std::vector<std::string> words) {
  // CLI11 puts it behind the option's type, where words_of() finds it; --help leaves it out.
  const std::string description = fmt::format("{{{}}}", fmt::join(words, ","));
  return CLI::Validator(
      [words = std::move(words)](std::string& text) {
        if (std::ranges::find(words, text) != words.end()) return std::string();
        return fmt::format("'{}' is not one of {}{}", text, fmt::join(words, ", "),
                           did_you_mean(text, words));
      },
      description);
}

std::vector<std::string> words_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find(":{"), end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(begin + 2, end - begin - 2), ',');
}

}  // namespace nestor
