#pragma once
// Folders of class maps, matched by the names of their files.

#include <string>
#include <string_view>
#include <vector>

namespace nestor {

struct ClassMapPair {
  std::string name;  // of the file, without .png
  std::string prediction, label;
};

struct ClassMapPairs {
  std::vector<ClassMapPair> pairs;          // by name
  std::vector<std::string> without_labels;  // predictions
};

// Each PNG of the folder `labels` with the file of the same name in `predictions`; files of folders
// below are left out. Throws kBadInput for a label without a prediction, and for a folder that cannot
// be listed or has no PNG.
ClassMapPairs match_class_maps(const std::string& predictions, const std::string& labels);

// The path of the label of each image: the PNG of the same name, but for the extension, in `labels`.
// Throws kBadInput if there is none.
std::vector<std::string> labels_of(const std::vector<std::string>& images,
                                   const std::string& labels);

}  // namespace nestor
