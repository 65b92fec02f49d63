#pragma once
// Parts of the comparison with GluonCV's detectors.

#include <filesystem>

#include "tests/golden/golden.h"

namespace nestor::golden {

// Of a folder with single steps.
void compare_detection_components(const std::filesystem::path& folder, Report& report);

}  // namespace nestor::golden
