#pragma once
// What Nestor's own model files say about themselves, in the metadata of the safetensors header.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nestor {

using Metadata = std::map<std::string, std::string, std::less<>>;

inline constexpr std::string_view kMetaNetwork = "nestor.network";
inline constexpr std::string_view kMetaNumClasses = "nestor.num_classes";
inline constexpr std::string_view kMetaSource =
    "nestor.source";  // gluoncv, timm, resnest, nestor, synthetic
inline constexpr std::string_view kMetaSourceSha256 = "nestor.source_sha256";
inline constexpr std::string_view kMetaLabels = "nestor.labels";  // JSON array of strings
inline constexpr std::string_view kMetaPreprocess =
    "nestor.preprocess";  // JSON, see engine/image/preprocess.h
inline constexpr std::string_view kMetaSynthetic =
    "nestor.synthetic";  // "true" for made-up weights

// Empty if it is not there.
std::string_view metadata_value(const Metadata& metadata, std::string_view key);

// Whether the weights are made up: then the classes mean nothing.
bool says_synthetic(const Metadata& metadata);

// The names of all classes; nothing if the text is not a JSON array of one string a class.
std::optional<std::vector<std::string>> metadata_labels(const Metadata& metadata, int num_classes);

}  // namespace nestor
