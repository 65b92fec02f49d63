#include "weights_convert/metadata.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "nestor/preprocess.h"

namespace nestor {

namespace {

constexpr std::string_view kOwnPrefix = "nestor.";
constexpr std::string_view kSources[] = {"gluoncv", "timm",   "resnest",
                                         "cadene",  "nestor", "synthetic"};

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
  if (facts.synthetic) metadata.emplace(kMetaSynthetic, "true");
  for (const auto& [key, value] : facts.notes) {
    CHECK_AS(kUsage, !key.empty() && !key.starts_with(kOwnPrefix),
             "note {:?}: keys that begin with \"nestor.\" are the model's own", key);
    metadata.emplace(key, value);
  }
  return metadata;
}

void carry_over(const Metadata& own, ModelFacts& facts) {
  if (metadata_value(own, kMetaNetwork) != facts.network->name) return;
  if (metadata_value(own, kMetaNumClasses) != std::to_string(facts.options.num_classes)) return;
  if (facts.labels.empty()) {
    facts.labels =
        metadata_labels(own, facts.options.num_classes).value_or(std::vector<std::string>());
  }
  // Of another source, the weights would be evaluated in another way.
  if (!facts.preprocess && metadata_value(own, kMetaSource) == facts.source) {
    facts.preprocess = valid_preprocess(metadata_value(own, kMetaPreprocess));
  }
  for (const auto& [key, value] : own) {
    if (!key.empty() && !key.starts_with(kOwnPrefix)) facts.notes.emplace(key, value);
  }
}

std::optional<std::string> known_source(const Metadata& own) {
  const auto* const known = std::ranges::find(kSources, metadata_value(own, kMetaSource));
  return known == std::end(kSources) ? std::nullopt : std::optional<std::string>(*known);
}

std::optional<int> known_classes(const Metadata& own, const Network& network) {
  if (metadata_value(own, kMetaNetwork) != network.name) return {};
  const std::string_view text = metadata_value(own, kMetaNumClasses);
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool good = error == std::errc() && end == text.data() + text.size() && count >= 1;
  return good ? std::optional(count) : std::nullopt;
}

}  // namespace nestor
