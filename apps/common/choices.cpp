#include "apps/common/choices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/nearest_names.h"

namespace nestor {

CLI::Validator one_of(std::vector<std::string> words) {
  return CLI::Validator(
      [words = std::move(words)](std::string& text) {
        if (std::ranges::find(words, text) != words.end()) return std::string();
        return fmt::format("'{}' is not one of {}{}", text, fmt::join(words, ", "),
                           did_you_mean(text, words));
      },
      "");
}

}  // namespace nestor
