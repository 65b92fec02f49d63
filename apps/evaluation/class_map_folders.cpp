#include "apps/evaluation/class_map_folders.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "engine/check.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

// Names of the PNG files of a folder, without the extension, and their paths.
std::map<std::string, std::string> class_maps(const std::string& folder) {
  std::map<std::string, std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    std::error_code unknown;
    const bool is_map = path.extension() == ".png" && it->is_regular_file(unknown);
    if (is_map) files[path.stem().string()] = path.string();
  }
  CHECK_AS(kBadInput, !error, "{}: cannot list the folder: {}", folder, error.message());
  CHECK_AS(kBadInput, !files.empty(), "{}: no .png files in this folder", folder);
  return files;
}

}  // namespace

ClassMapPairs match_class_maps(const std::string& predictions, const std::string& labels) {
  std::map<std::string, std::string> predicted = class_maps(predictions);
  ClassMapPairs all;
  for (const auto& [name, label] : class_maps(labels)) {
    const auto prediction = predicted.extract(name);
    CHECK_AS(kBadInput, !prediction.empty(), "{}: there is no {}.png in {}", label, name,
             predictions);
    all.pairs.push_back({name, prediction.mapped(), label});
  }
  for (const auto& [name, path] : predicted) all.without_labels.push_back(path);
  return all;
}

std::vector<std::string> labels_of(const std::vector<std::string>& images,
                                   const std::string& labels) {
  const std::map<std::string, std::string> maps = class_maps(labels);
  std::vector<std::string> paths;
  for (const std::string& image : images) {
    const std::string name = fs::path(image).stem().string();
    const auto label = maps.find(name);
    CHECK_AS(kBadInput, label != maps.end(), "{}: there is no {}.png in {}", image, name, labels);
    paths.push_back(label->second);
  }
  return paths;
}

}  // namespace nestor
