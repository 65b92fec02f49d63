#pragma once
// What the comparisons of segmenters share.

#include <filesystem>
#include <string>
#include <vector>

#include "engine/weights/weight_file.h"
#include "nestor/nestor.h"
#include "tests/golden/golden.h"
#include "tests/golden/reference.h"

namespace nestor::golden {

struct SegmenterCase {
  std::string name;
  nlohmann::json record;  // outputs/CASE.json
  WeightFile reference;   // outputs/CASE.safetensors
  std::vector<Image> images;
};

// The share of the pixels whose class is that of the reference's pictures. uint8 [n, height, width]
double equal_classes(const SegmenterCase& c, const std::filesystem::path& folder,
                     const TensorView& classes);

// Of segmentation_components.cpp and segmentation_multi_scale.cpp.
void compare_components(const std::filesystem::path& folder, Report& report);
void compare_plans(const std::filesystem::path& folder, Report& report);
void compare_multi_scale(const SegmenterCase& c, const std::filesystem::path& folder,
                         const LoadedModel& loaded, Report& report);

}  // namespace nestor::golden
