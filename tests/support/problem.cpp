#include "tests/support/problem.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

namespace nestor::test {

namespace {

constexpr std::array<std::string_view, 21> kNumbers = {
    "n",      "c",   "h",      "w",     "k",     "r",           "s",
    "g",      "st",  "p",      "d",     "radix", "cardinality", "hidden",
    "window", "avd", "height", "width", "rois",  "bins",        "used"};
constexpr std::array<std::string_view, 9> kFlags = {"bias", "relu", "swish",  "residual", "max",
                                                    "mean", "ceil", "padded", "same"};

[[noreturn]] void refuse(std::string_view problem, std::string_view word) {
  throw std::invalid_argument(std::string(problem) + ": unknown or repeated word '" +
                              std::string(word) + "'");
}

}  // namespace

Problem::Problem(std::string_view text) : text_(text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('_', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word == "fp32" || word == "bf16") {
      precision_ = parse_precision(word);
      continue;
    }
    const std::size_t letters = std::min(word.find_first_of("0123456789"), word.size());
    const std::string name(word.substr(0, letters));
    if (letters == word.size()) {
      if (std::ranges::find(kFlags, name) == kFlags.end() || !flags_.insert(name).second) {
        refuse(text, word);
      }
      continue;
    }
    int value = 0;
    const auto [rest, error] =
        std::from_chars(word.data() + letters, word.data() + word.size(), value);
    if (error != std::errc() || rest != word.data() + word.size() ||
        std::ranges::find(kNumbers, name) == kNumbers.end() ||
        !numbers_.emplace(name, value).second) {
      refuse(text, word);
    }
  }
}

int Problem::number(std::string_view name, int otherwise) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? otherwise : found->second;
}

int Problem::number(std::string_view name) const {
  const auto found = numbers_.find(name);
  if (found == numbers_.end()) {
    throw std::invalid_argument(text_ + ": needs " + std::string(name));
  }
  return found->second;
}

}  // namespace nestor::test
