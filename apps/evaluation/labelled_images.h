#pragma once
// Images with the class that they show.

#include <string>
#include <vector>

#include "nestor/model.h"

namespace nestor {

struct LabelledImage {
  std::string path;
  int class_id = 0;
};

// The images of a folder that has one folder a class, sorted by path. A folder is called as the
// model calls its class or, of a model for ImageNet's 1000, by the class's WordNet id; else there are
// as many folders as classes, and they are numbered in the order of their names. Throws kBadInput
// for others.
std::vector<LabelledImage> images_by_folder(const std::string& folder, const ModelInfo& info);

// The images of a text file with "path class-number" a line, paths beginning in `folder`. Throws
// kBadInput for other lines and for numbers that are no class of the model.
std::vector<LabelledImage> images_in_list(const std::string& list, const std::string& folder,
                                          const ModelInfo& info);

}  // namespace nestor
