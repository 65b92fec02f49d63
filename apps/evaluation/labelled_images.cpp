#include "apps/evaluation/labelled_images.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <optional>

#include "apps/common/inputs.h"
#include "apps/common/name_list.h"
#include "engine/check.h"
#include "engine/printable_text.h"
#include "library/labels/labels.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

Names folders_in(const std::string& folder) {
  Names names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown;
    const std::string name = it->path().filename().string();
    if (it->is_directory(unknown) && !name.starts_with('.')) names.push_back(name);
  }
  CHECK_AS(kBadInput, !error, "{}: cannot list the folder: {}", folder, error.message());
  CHECK_AS(kBadInput, !names.empty(), "{}: no folders in this folder, expected one a class",
           folder);
  std::ranges::sort(names);
  return names;
}

// The number of each folder's class if all are among `classes`.
std::optional<std::vector<int>> numbers_of(const Names& folders, const Names& classes) {
  std::map<std::string, int> ids;
  for (std::size_t i = 0; i < classes.size(); ++i) ids.emplace(classes[i], static_cast<int>(i));
  if (ids.size() != classes.size()) return std::nullopt;  // a name may mean two classes
  std::vector<int> numbers;
  for (const std::string& folder : folders) {
    const auto found = ids.find(folder);
    if (found == ids.end()) return std::nullopt;
    numbers.push_back(found->second);
  }
  return numbers;
}

std::vector<int> class_numbers(const std::string& folder, const Names& folders,
                               const ModelInfo& info) {
  const auto num_classes = static_cast<std::size_t>(info.num_classes);
  if (const auto by_label = numbers_of(folders, info.labels)) return *by_label;
  const Names wordnet = split_labels(kWordnetText);
  if (num_classes == wordnet.size()) {
    if (const auto by_wordnet = numbers_of(folders, wordnet)) return *by_wordnet;
  }
  CHECK_AS(kBadInput, folders.size() == num_classes,
           "{}: {} folders, the model has {} classes, and not all are called as its classes",
           folder, folders.size(), num_classes);
  std::vector<int> in_order;
  for (int i = 0; i < info.num_classes; ++i) in_order.push_back(i);
  return in_order;
}

LabelledImage parse_line(const std::string& line, const std::string& folder, const ModelInfo& info,
                         const std::string& list) {
  const std::size_t space = line.find_last_of(" \t");
  const std::size_t path_end = line.find_last_not_of(" \t", space);
  int class_id = -1;
  const char* const end = line.data() + line.size();
  const bool complete = space != std::string::npos && path_end != std::string::npos;
  const bool is_number =
      complete && std::from_chars(line.data() + space + 1, end, class_id).ptr == end;
  CHECK_AS(kBadInput, is_number && class_id >= 0 && class_id < info.num_classes,
           "{}: \"{}\": expected a path and a class from 0 to {}", list, printable(line),
           info.num_classes - 1);
  return {(fs::path(folder) / line.substr(0, path_end + 1)).string(), class_id};
}

}  // namespace

std::vector<LabelledImage> images_by_folder(const std::string& folder, const ModelInfo& info) {
  const Names folders = folders_in(folder);
  const std::vector<int> numbers = class_numbers(folder, folders, info);
  std::vector<LabelledImage> images;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    for (std::string& path : expand_inputs({(fs::path(folder) / folders[i]).string()}).names) {
      images.push_back({std::move(path), numbers[i]});
    }
  }
  return images;
}

std::vector<LabelledImage> images_in_list(const std::string& list, const std::string& folder,
                                          const ModelInfo& info) {
  std::vector<LabelledImage> images;
  for (const std::string& line : read_name_list(list)) {
    images.push_back(parse_line(line, folder, info, list));
  }
  return images;
}

}  // namespace nestor
