#include "weights_convert/readers/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "engine/check.h"
#include "engine/printable_text.h"
#include "engine/utf8.h"

namespace nestor {

namespace {

using Kind = PickleValue::Kind;

// In timm's order.
constexpr std::string_view kWrappers[] = {"state_dict_ema", "model_ema", "state_dict", "model"};

// Names are compared with those of networks only for dicts that could be one of ours.
constexpr std::size_t kMaxCompared = 16, kMaxComparedTensors = 16'384;
constexpr std::size_t kMaxListedKeys = 12;
constexpr std::size_t kMaxLabels = 100'000;

struct Candidate {
  std::string path;  // the key, or "model.state_dict"
  const PickleValue* dict = nullptr;
};

bool is_dict(const PickleValue& value) {
  return value.kind == Kind::kDict || value.kind == Kind::kOrderedDict;
}

// Calls use(key, value) for each item of the dict whose key is a string.
template <class Use>
void for_each_named(const Pickle& pickle, const PickleValue& dict, Use use) {
  const std::vector<PickleId>& items = pickle.items_of(dict);
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const PickleValue& key = pickle[items[i]];
    if (key.kind == Kind::kString) use(key.text, pickle[items[i + 1]]);
  }
}

bool holds_tensors(const Pickle& pickle, const PickleValue& dict) {
  bool found = false;
  for_each_named(pickle, dict, [&](std::string_view, const PickleValue& value) {
    found = found || value.kind == Kind::kTensor;
  });
  return found;
}

// The last value of that key, as in Python; null if there is none.
const PickleValue* find_value(const Pickle& pickle, const PickleValue& dict, std::string_view key) {
  const PickleValue* found = nullptr;
  for_each_named(pickle, dict, [&](std::string_view name, const PickleValue& value) {
    if (name == key) found = &value;
  });
  return found;
}

class Chooser {
 public:
  Chooser(const Pickle& pickle, const ReadOptions& options, const std::string& file)
      : pickle_(pickle), options_(options), file_(file), top_(pickle[pickle.top]) {
    CHECK_AS(
        kBadModel, is_dict(top_), "{}: holds {}{}, expected a dict of named tensors{}", file,
        to_string(top_.kind),
        top_.kind == Kind::kObject ? " of " + quoted_name(top_.text) : std::string(),
        top_.kind == Kind::kObject ? ": save model.state_dict() instead of the whole model" : "");
  }

  const PickleValue& choose() {
    if (!options_.state_dict_key.empty()) return *named(options_.state_dict_key).dict;
    std::vector<Candidate> known, others;
    for (const std::string_view wrapper : kWrappers) {
      const PickleValue* const value = find_value(pickle_, top_, wrapper);
      if (!value) continue;
      if (auto found = candidate_in(wrapper, *value)) known.push_back(*std::move(found));
    }
    const bool top_holds_tensors = has_tensors(top_);
    const bool empty = pickle_.items_of(top_).empty();
    if (empty || (known.empty() && top_holds_tensors && !options_.explains)) return top_;
    for (const Candidate& candidate : known) {
      if (explains(*candidate.dict)) return *candidate.dict;
    }
    if (top_holds_tensors && explains(top_)) return top_;
    for_each_named(pickle_, top_, [&](std::string_view key, const PickleValue& value) {
      const bool known_key = std::ranges::find(kWrappers, key) != std::end(kWrappers);
      // One dict may stand under any number of keys.
      if (others.size() < kMaxCompared && !known_key && is_dict(value) &&
          seen_.insert(value.items).second) {
        if (auto found = candidate_in(key, value)) others.push_back(*std::move(found));
      }
    });
    std::erase_if(others, [this](const Candidate& each) { return !explains(*each.dict); });
    if (others.size() == 1) return *others.front().dict;
    CHECK_AS(kBadModel, others.empty(),
             "{}: weights under several keys, {}: --state-dict KEY chooses one", file_,
             paths_of(others));
    if (!known.empty()) return *known.front().dict;
    if (top_holds_tensors) return top_;
    fail(ErrorCode::kBadModel,
         "{}: no dict of the network's tensors among its keys {}: --state-dict KEY chooses one",
         file_, keys());
  }

 private:
  bool has_tensors(const PickleValue& dict) {
    const auto [known, added] = has_tensors_.emplace(dict.items, false);
    if (added) known->second = holds_tensors(pickle_, dict);
    return known->second;
  }

  // The dict of tensors that the value is or wraps once more: {"model": {"state_dict": {...}}}.
  std::optional<Candidate> candidate_in(std::string_view key, const PickleValue& value) {
    if (!is_dict(value)) return {};
    for (const std::string_view wrapper : kWrappers) {
      const PickleValue* const inner = find_value(pickle_, value, wrapper);
      if (inner && is_dict(*inner) && has_tensors(*inner)) {
        return Candidate{fmt::format("{}.{}", shortened(key), wrapper), inner};
      }
    }
    return has_tensors(value) ? std::optional(Candidate{shortened(key), &value}) : std::nullopt;
  }

  Candidate named(std::string_view key) {
    const PickleValue* const value = find_value(pickle_, top_, key);
    CHECK_AS(kBadModel, value != nullptr, "{}: no key {}; there are {}", file_, quoted_name(key),
             keys());
    const std::optional<Candidate> found = candidate_in(key, *value);
    CHECK_AS(kBadModel, found, "{}: no named tensors under {}, which is {}", file_,
             quoted_name(key), to_string(value->kind));
    return *found;
  }

  bool explains(const PickleValue& dict) const {
    if (!options_.explains || pickle_.items_of(dict).size() > 2 * kMaxComparedTensors) return false;
    std::vector<std::string> names;
    for_each_named(pickle_, dict, [&](std::string_view name, const PickleValue& value) {
      if (value.kind == Kind::kTensor) names.push_back(shortened(name));
    });
    return options_.explains(names);
  }

  static std::string paths_of(const std::vector<Candidate>& candidates) {
    std::vector<std::string> paths;
    for (const Candidate& each : candidates) paths.push_back(each.path);
    return fmt::format("{}", fmt::join(paths, ", "));
  }

  std::string keys() const {
    std::vector<std::string> listed;
    std::size_t count = 0;
    for_each_named(pickle_, top_, [&](std::string_view key, const PickleValue&) {
      if (++count <= kMaxListedKeys) listed.push_back(quoted_name(key));
    });
    if (count > kMaxListedKeys) listed.push_back(fmt::format("{} more", count - kMaxListedKeys));
    return count == 0 ? "(none)" : fmt::format("{}", fmt::join(listed, ", "));
  }

  const Pickle& pickle_;
  const ReadOptions& options_;
  const std::string& file_;
  const PickleValue& top_;
  // Of dicts, by their index into Pickle::items.
  std::map<std::uint32_t, bool> has_tensors_;
  std::set<std::uint32_t> seen_;
};

// Labels by index, as long as each index comes once and they fit the budget.
class LabelList {
 public:
  LabelList(std::size_t count, std::size_t budget) : labels_(count), budget_(budget) {}

  void add(std::optional<std::size_t> idx, const PickleValue& label) {
    const bool good = idx && *idx < labels_.size() && label.kind == Kind::kString &&
                      !label.text.empty() && labels_[*idx].empty() &&
                      label.text.size() <= budget_ && is_utf8(label.text);
    good_ = good_ && good;
    if (!good_) return;
    budget_ -= label.text.size();
    labels_[*idx] = label.text;
    ++num_labels_;
  }

  std::vector<std::string> take() {
    return good_ && num_labels_ == labels_.size() ? std::move(labels_) : std::vector<std::string>();
  }

 private:
  std::vector<std::string> labels_;
  std::size_t budget_, num_labels_ = 0;
  bool good_ = true;
};

// An index as Python, or JSON that came through Python, has it: 3 or "3".
std::optional<std::size_t> index_of(const PickleValue& value) {
  if (value.kind == Kind::kInteger && value.number >= 0) {
    return static_cast<std::size_t>(value.number);
  }
  if (value.kind != Kind::kString) return {};
  std::size_t idx = 0;
  const char* const end = value.text.data() + value.text.size();
  const auto [stop, error] = std::from_chars(value.text.data(), end, idx);
  return error == std::errc() && stop == end ? std::optional(idx) : std::nullopt;
}

std::vector<std::string> labels_of(const Pickle& pickle, const PickleValue& value,
                                   std::size_t budget) {
  const bool sequence = value.kind == Kind::kList || value.kind == Kind::kTuple;
  if (!sequence && !is_dict(value)) return {};
  const std::vector<PickleId>& items = pickle.items_of(value);
  const std::size_t count = sequence ? items.size() : items.size() / 2;
  if (count == 0 || count > kMaxLabels || count > budget) return {};
  LabelList labels(count, budget);
  for (std::size_t i = 0; i < count; ++i) {
    if (sequence) {
      labels.add(i, pickle[items[i]]);
      continue;
    }
    const PickleValue &key = pickle[items[2 * i]], &mapped = pickle[items[2 * i + 1]];
    const bool by_name = mapped.kind == Kind::kInteger;  // {"cat": 0} rather than {0: "cat"}
    labels.add(index_of(by_name ? mapped : key), by_name ? key : mapped);
  }
  return labels.take();
}

}  // namespace

const PickleValue& find_state_dict(const Pickle& pickle, const ReadOptions& options,
                                   const std::string& file) {
  return Chooser(pickle, options, file).choose();
}

std::vector<std::string> checkpoint_labels(const Pickle& pickle, std::size_t file_bytes) {
  const PickleValue& top = pickle[pickle.top];
  if (!is_dict(top)) return {};
  for (const std::string_view key :
       {"class_to_idx", "idx_to_class", "id2label", "classes", "class_names"}) {
    const PickleValue* const value = find_value(pickle, top, key);
    if (!value) continue;
    if (auto labels = labels_of(pickle, *value, file_bytes); !labels.empty()) return labels;
  }
  return {};
}

}  // namespace nestor
