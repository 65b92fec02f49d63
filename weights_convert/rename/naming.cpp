#include "weights_convert/rename/naming.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace nestor {

namespace {

using Canonical = std::unordered_map<std::string, std::string>;  // by a framework's name

constexpr std::string_view kCounter = ".num_batches_tracked";
constexpr std::size_t kMaxLegacyNameBytes = 256;  // longer names are not looked at part by part

std::string_view without_prefix(std::string_view name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

// "arg:resnest_syncbatchnorm0_gamma" -> "resnest_batchnorm0_gamma". Synchronised batch norms are
// counted apart from ordinary ones, but a network has either.
std::string plain_legacy(std::string_view name) {
  constexpr std::string_view kSync = "syncbatchnorm";
  std::string plain(without_prefix(without_prefix(name, "arg:"), "aux:"));
  const std::size_t position = plain.find(kSync);
  if (position != std::string::npos) plain.erase(position, std::string_view("sync").size());
  return plain;
}

// The network's prefix is what, before the names of the table, explains most names of the file:
// "resnest_conv0_weight" would also be conv0_weight of a scope "resnest_".
std::string legacy_prefix(const Canonical& table, std::span<const std::string> names) {
  std::map<std::string, int> votes;
  for (const std::string& name : names) {
    const std::string plain = plain_legacy(name);
    if (plain.size() > kMaxLegacyNameBytes) continue;
    for (std::size_t start = 0; start != std::string::npos && start < plain.size();) {
      if (table.contains(plain.substr(start))) ++votes[plain.substr(0, start)];
      const std::size_t underscore = plain.find('_', start);
      start = underscore == std::string::npos ? underscore : underscore + 1;
    }
  }
  const auto most =
      std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
  return most == votes.end() ? std::string() : most->first;
}

std::vector<std::string> spelled(NamingStyle style, const Canonical& table,
                                 std::span<const std::string> names) {
  std::vector<std::string> result;
  const std::string prefix = style == NamingStyle::kLegacy ? legacy_prefix(table, names) : "";
  for (const std::string& name : names) {
    switch (style) {
      case NamingStyle::kStructural: result.push_back(name); break;
      case NamingStyle::kLegacy:
        result.emplace_back(without_prefix(plain_legacy(name), prefix));
        break;
      case NamingStyle::kTorch: result.emplace_back(without_prefix(name, "module.")); break;
    }
  }
  return result;
}

}  // namespace

CanonicalNames canonical_names(const NameTable& table, std::span<const Parameter> parameters,
                               std::span<const std::string> names) {
  const std::vector<std::string> legacy = table.legacy_names(parameters);
  std::map<NamingStyle, Canonical> tables;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::string& canonical = parameters[i].name;
    tables[NamingStyle::kStructural].emplace(canonical, canonical);
    tables[NamingStyle::kLegacy].emplace(legacy[i], canonical);
    tables[NamingStyle::kTorch].emplace(table.torch_name(canonical), canonical);
  }

  CanonicalNames best;
  std::ptrdiff_t best_hits = -1;
  for (const auto& [style, known] : tables) {
    CanonicalNames candidate{.style = style, .names = {}};
    std::ptrdiff_t hits = 0;
    const std::vector<std::string> spellings = spelled(style, known, names);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto found = known.find(spellings[i]);
      hits += found != known.end();
      if (style == NamingStyle::kTorch && names[i].ends_with(kCounter)) {
        candidate.names.emplace_back();
      } else {
        candidate.names.emplace_back(found == known.end() ? names[i] : found->second);
      }
    }
    if (hits > best_hits) {
      best = std::move(candidate);
      best_hits = hits;
    }
  }
  return best;
}

}  // namespace nestor
