#include "weights_convert/metadata.h"

#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/image/preprocess.h"
#include "engine/weights/weight_file.h"

namespace nestor {

std::map<std::string, std::string, std::less<>> model_metadata(const ModelFacts& facts) {
  std::map<std::string, std::string, std::less<>> metadata;
  metadata.emplace(kMetaNetwork, facts.network->name);
  metadata.emplace(kMetaNumClasses, std::to_string(facts.options.num_classes));
  metadata.emplace(kMetaSource, facts.source);
  if (!facts.source_sha256.empty()) metadata.emplace(kMetaSourceSha256, facts.source_sha256);
  if (!facts.labels.empty()) metadata.emplace(kMetaLabels, nlohmann::json(facts.labels).dump());
  metadata.emplace(kMetaPreprocess, to_json(evaluation_preprocess(*facts.network, facts.source)));
  if (facts.synthetic) metadata.emplace(kMetaSynthetic, "true");
  for (const auto& [key, value] : facts.notes) {
    CHECK_AS(kUsage, !key.empty() && !key.starts_with("nestor."),
             "note {:?}: keys that begin with \"nestor.\" are the model's own", key);
    metadata.emplace(key, value);
  }
  return metadata;
}

}  // namespace nestor
