#pragma once
// The results of nestor-classify in its four formats.

#include <optional>
#include <string>
#include <vector>

#include "apps/common/text_output.h"
#include "nestor/nestor.h"

namespace nestor {

struct ClassifiedImage {
  std::string image;  // as the user named it
  int width = 0, height = 0;
  std::vector<Prediction> predictions;
  std::optional<std::string> error;  // where there is one, there is nothing else
};

enum class ReportFormat { kText, kJson, kJsonl, kCsv };

// Writes one row an image, as they come.
class ClassificationReport {
 public:
  ClassificationReport(ReportFormat format, const ModelInfo& info, TextOutput& output);

  void add(const ClassifiedImage& image);

  // What the format has after the last row.
  void finish();

 private:
  ReportFormat format_;
  TextOutput& output_;
  bool first_ = true;
};

}  // namespace nestor
