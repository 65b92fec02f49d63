#include "engine/nearest_names.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <tuple>

namespace nestor {

namespace {

constexpr std::size_t kLongestName = 256;  // that is compared; the rest of longer ones is cut off

std::string lower(std::string_view text) {
  std::string result(text.substr(0, kLongestName));
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// The optimal string alignment distance of a and b.
std::size_t num_edits(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view misspelt,
                                       std::span<const std::string> names, std::size_t count) {
  const std::string wrong = lower(misspelt);
  std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> rated;  // edits, edits, place
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = lower(names[i]);
    rated.emplace_back(num_edits(wrong, name.substr(0, wrong.size())), num_edits(wrong, name), i);
  }
  std::ranges::sort(rated);
  rated.resize(std::min(rated.size(), count));
  std::vector<std::string> nearest;
  for (const auto& [beginning, whole, place] : rated) nearest.push_back(names[place]);
  return nearest;
}

std::string did_you_mean(std::string_view misspelt, std::span<const std::string> names) {
  const std::string wrong = lower(misspelt);
  const auto edits_of = [&](const std::string& name) { return num_edits(wrong, lower(name)); };
  const auto nearest = std::ranges::min_element(names, {}, edits_of);
  if (nearest == names.end()) return "";
  const std::size_t length = std::min(misspelt.size(), nearest->size());
  const std::size_t edits = edits_of(*nearest);
  if (edits > std::max<std::size_t>(length / 3, 1) || 2 * edits >= length) return "";
  return "; did you mean " + *nearest + "?";
}

}  // namespace nestor
