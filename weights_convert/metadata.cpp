#include "weights_convert/metadata.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/image/preprocess.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

constexpr std::string_view kOwnPrefix = "nestor.";
constexpr std::string_view kSources[] = {"gluoncv", "timm", "resnest", "nestor", "synthetic"};
constexpr std::string_view kTrue = "true";

// Empty where it is not there.
std::string_view value_of(const Metadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string_view() : found->second;
}

// None where the text is not a JSON array of one string for each class.
std::vector<std::string> valid_labels(std::string_view text, int num_classes) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool valid = json.is_array() && json.size() == static_cast<std::size_t>(num_classes) &&
                     std::ranges::all_of(json, [](const auto& label) { return label.is_string(); });
  return valid ? json.get<std::vector<std::string>>() : std::vector<std::string>();
}

std::optional<Preprocess> valid_preprocess(std::string_view text) {
  if (text.empty()) return std::nullopt;
  try {
    return preprocess_from_json(text, std::string(kMetaPreprocess));
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Metadata model_metadata(const ModelFacts& facts) {
  Metadata metadata;
  metadata.emplace(kMetaNetwork, facts.network->name);
  metadata.emplace(kMetaNumClasses, std::to_string(facts.options.num_classes));
  metadata.emplace(kMetaSource, facts.source);
  if (!facts.source_sha256.empty()) metadata.emplace(kMetaSourceSha256, facts.source_sha256);
  if (!facts.labels.empty()) metadata.emplace(kMetaLabels, nlohmann::json(facts.labels).dump());
  metadata.emplace(
      kMetaPreprocess,
      to_json(facts.preprocess.value_or(evaluation_preprocess(*facts.network, facts.source))));
  if (facts.synthetic) metadata.emplace(kMetaSynthetic, kTrue);
  for (const auto& [key, value] : facts.notes) {
    CHECK_AS(kUsage, !key.empty() && !key.starts_with(kOwnPrefix),
             "note {:?}: keys that begin with \"nestor.\" are the model's own", key);
    metadata.emplace(key, value);
  }
  return metadata;
}

void carry_over(const Metadata& own, ModelFacts& facts) {
  if (value_of(own, kMetaNetwork) != facts.network->name) return;
  if (value_of(own, kMetaNumClasses) != std::to_string(facts.options.num_classes)) return;
  if (facts.labels.empty()) {
    facts.labels = valid_labels(value_of(own, kMetaLabels), facts.options.num_classes);
  }
  // Of another source, the weights would be evaluated in another way.
  if (!facts.preprocess && value_of(own, kMetaSource) == facts.source) {
    facts.preprocess = valid_preprocess(value_of(own, kMetaPreprocess));
  }
  for (const auto& [key, value] : own) {
    if (!key.empty() && !key.starts_with(kOwnPrefix)) facts.notes.emplace(key, value);
  }
}

std::optional<std::string> known_source(const Metadata& own) {
  const auto* const known = std::ranges::find(kSources, value_of(own, kMetaSource));
  return known == std::end(kSources) ? std::nullopt : std::optional<std::string>(*known);
}

bool says_synthetic(const Metadata& own) { return value_of(own, kMetaSynthetic) == kTrue; }

}  // namespace nestor
