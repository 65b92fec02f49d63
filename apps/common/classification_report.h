#pragma once
// The results of nestor-classify in its four formats.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

enum class ReportFormat { kText, kJson, kJsonl, kCsv };

// "text", "json", "jsonl" or "csv"; throws kUsage for others.
ReportFormat parse_report_format(std::string_view name);

// Writes one row per image, as they come.
class ClassificationReport {
 public:
  ClassificationReport(ReportFormat format, const ModelInfo& info, const RunFacts& facts,
                       TextOutput& output);

  void add(const ClassifiedImage& image);

  // Writes the end that the format demands.
  void finish();

 private:
  ReportFormat format_;
  TextOutput& output_;
  bool first_ = true;
};

}  // namespace nestor
