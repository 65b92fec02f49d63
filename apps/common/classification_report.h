#pragma once
// The results of nestor-classify in its four formats.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/image_report.h"
#include "apps/common/run_facts.h"
#include "apps/common/text_output.h"
#include "nestor/nestor.h"

namespace nestor {

struct ClassifiedImage {
  std::string image;  // as the user named it
  int width = 0, height = 0;
  std::vector<Prediction> predictions;
  std::optional<std::string> error;  // set instead of the rest if the image failed
};

using ClassificationReport = ImageReport<ClassifiedImage>;

// The formats' names, the default first.
inline constexpr const char* kClassificationFormats[] = {"text", "json", "jsonl", "csv"};

// Throws kUsage for other names. `output` must outlive the report.
std::unique_ptr<ClassificationReport> classification_report(std::string_view format,
                                                            const ModelInfo& info,
                                                            const RunFacts& facts,
                                                            TextOutput& output);

}  // namespace nestor
