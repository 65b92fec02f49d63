#include "engine/weights/metadata.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace nestor {

std::string_view metadata_value(const Metadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string_view() : found->second;
}

bool says_synthetic(const Metadata& metadata) {
  return metadata_value(metadata, kMetaSynthetic) == "true";
}

std::optional<std::vector<std::string>> metadata_labels(const Metadata& metadata, int num_classes) {
  const auto json = nlohmann::json::parse(metadata_value(metadata, kMetaLabels), nullptr,
                                          /*allow_exceptions=*/false);
  const bool valid = json.is_array() && json.size() == static_cast<std::size_t>(num_classes) &&
                     std::ranges::all_of(json, [](const auto& label) { return label.is_string(); });
  if (!valid) return std::nullopt;
  return json.get<std::vector<std::string>>();
}

}  // namespace nestor
