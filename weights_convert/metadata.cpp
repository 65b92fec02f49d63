#include "weights_convert/metadata.h"

#include <nlohmann/json.hpp>

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
  return metadata;
}

}  // namespace nestor
