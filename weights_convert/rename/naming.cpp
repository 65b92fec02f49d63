#include "weights_convert/rename/naming.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

namespace nestor {

namespace {

using Canonical = std::unordered_map<std::string, std::string>;  // by a framework's name

// Of batch norms, and of torch.optim's averaged models.
constexpr std::string_view kCounters[] = {"num_batches_tracked", "n_averaged"};
// Modules that wrap others, each a part of the names of all that is in them.
constexpr std::string_view kWrappers[] = {"module", "_orig_mod", "_fsdp_wrapped_module",
                                          "_checkpoint_wrapped_module"};
constexpr std::size_t kMaxSplitNameBytes = 256;  // longer names are not looked at part by part

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

std::string without_wrappers(std::string_view name) {
  std::string bare;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('.'), name.size() - 1) + 1;
    const std::string_view part = name.substr(0, end);
    const bool wraps = part.ends_with('.') &&
                       std::ranges::find(kWrappers, part.substr(0, end - 1)) != std::end(kWrappers);
    if (!wraps) bare += part;
    name.remove_prefix(end);
  }
  return bare;
}

bool is_counter(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return std::ranges::find(kCounters, last) != std::end(kCounters);
}

// How often each prefix stands before a name of the table: "resnest_conv0_weight" would also be
// conv0_weight of a scope "resnest_".
std::map<std::string, std::size_t> count_prefixes(const Canonical& table,
                                                  std::span<const std::string> spellings,
                                                  char separator) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& name : spellings) {
    if (name.size() > kMaxSplitNameBytes) continue;
    for (std::size_t start = 0; start != std::string::npos && start < name.size();) {
      if (table.contains(name.substr(start))) ++counts[name.substr(0, start)];
      const std::size_t found = name.find(separator, start);
      start = found == std::string::npos ? found : found + 1;
    }
  }
  return counts;
}

// "dense1_weight": the number of that layer, nothing for other names.
std::optional<std::string_view> dense_number(std::string_view name) {
  constexpr std::string_view kDense = "dense";
  if (!name.starts_with(kDense)) return {};
  const std::size_t end = name.find('_');
  const std::string_view number = name.substr(kDense.size(), end - kDense.size());
  const bool digits = !number.empty() && number.find_first_not_of("0123456789") == number.npos;
  return end != name.npos && digits ? std::optional(number) : std::nullopt;
}

// The networks have one dense layer. One that was put in its place for fine-tuning is counted on.
void name_only_dense_layer(std::span<std::string> spellings) {
  std::set<std::string, std::less<>> numbers;
  for (const std::string& name : spellings) {
    if (const auto number = dense_number(name); number && numbers.size() < 2) {
      numbers.emplace(*number);
    }
  }
  if (numbers.size() != 1) return;
  for (std::string& name : spellings) {
    if (dense_number(name)) name = "dense0" + name.substr(name.find('_'));
  }
}

// The names as the table of that style would have them, but for their prefix.
std::vector<std::string> spelled(NamingStyle style, std::span<const std::string> names) {
  std::vector<std::string> result;
  for (const std::string& name : names) {
    result.push_back(style == NamingStyle::kLegacy ? plain_legacy(name) : without_wrappers(name));
  }
  return result;
}

CanonicalNames explained(NamingStyle style, const Canonical& table,
                         bool (*is_leftover)(std::string_view name),
                         std::span<const std::string> names) {
  CanonicalNames result{.style = style, .names = {}};
  std::vector<std::string> spellings = spelled(style, names);
  const bool legacy = style == NamingStyle::kLegacy;
  const auto counts = count_prefixes(table, spellings, legacy ? '_' : '.');
  const auto most =
      std::ranges::max_element(counts, {}, [](const auto& count) { return count.second; });
  if (most != counts.end()) {
    result.prefix = most->first;
    for (const auto& [prefix, count] : counts) {
      if (prefix != most->first && count >= table.size()) result.rivals.push_back(prefix);
    }
  }
  std::vector<bool> has_prefix;
  for (std::string& spelling : spellings) {
    has_prefix.push_back(spelling.starts_with(result.prefix));
    if (has_prefix.back()) spelling.erase(0, result.prefix.size());
  }
  if (legacy) name_only_dense_layer(spellings);
  std::set<std::string_view> found_names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = table.find(spellings[i]);
    if (found != table.end()) {
      found_names.insert(found->second);
      result.names.emplace_back(found->second);
    } else if (is_counter(names[i]) || (is_leftover != nullptr && is_leftover(names[i]))) {
      result.names.emplace_back();
    } else if (!has_prefix[i]) {
      result.outside.push_back(names[i]);
      result.names.emplace_back();
    } else {
      result.names.emplace_back(names[i]);
    }
  }
  result.num_found = found_names.size();
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
  std::optional<CanonicalNames> best;
  for (const auto& [style, known] : tables) {
    CanonicalNames candidate = explained(style, known, table.is_leftover, names);
    if (!best || candidate.num_found > best->num_found) best = std::move(candidate);
  }
  return *std::move(best);
}

}  // namespace nestor
