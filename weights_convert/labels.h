#pragma once
// Names of classes from files that others wrote.

#include <filesystem>
#include <string>
#include <vector>

namespace nestor {

// One label a line, or JSON: a list, {"0": "tench"}, {"0": ["n01440764", "tench"]} as in
// imagenet_class_index.json, {"tench": 0}, or one of these under "id2label", "class_to_idx" or
// "label2id". Throws kBadInput for what is none of them or not in UTF-8.
std::vector<std::string> read_labels(const std::filesystem::path& path);

// The same; throws kBadInput if there are not `num_classes`.
std::vector<std::string> read_labels(const std::filesystem::path& path, int num_classes);

}  // namespace nestor
