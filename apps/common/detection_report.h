#pragma once
// The results of nestor-detect in its formats.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/image_report.h"
#include "apps/common/run_facts.h"
#include "nestor/nestor.h"

namespace nestor {

struct DetectedImage {
  std::string image;  // as the user named it
  std::size_t idx = 0;
  int width = 0, height = 0;
  std::vector<DetectedObject> objects;
  std::optional<std::string> error;  // set instead of the rest if the image failed
};

using DetectionReport = ImageReport<DetectedImage>;

// The formats' names, the default first. "coco": a results file for pycocotools.
inline constexpr const char* kDetectionFormats[] = {"text", "json", "jsonl", "csv", "coco"};

// Throws kUsage for other names. `output` must outlive the report.
std::unique_ptr<DetectionReport> detection_report(std::string_view format, const ModelInfo& info,
                                                  const RunFacts& facts, TextOutput& output);

}  // namespace nestor
