#pragma once
// The results of nestor-classify in its four formats.

#include <optional>
#include <string>
#include <vector>

#include "apps/common/text_output.h"
#include "nestor/nestor.h"
#include "nestor/preprocess.h"

namespace nestor {

struct ClassifiedImage {
  std::string image;  // as the user named it
  int width = 0, height = 0;
  std::vector<Prediction> predictions;
  std::optional<std::string> error;  // set instead of the rest if the image failed
};

enum class ReportFormat { kText, kJson, kJsonl, kCsv };

// The facts about a run that the head of a JSON report states.
struct RunFacts {
  std::string model;  // the file, as the user named it
  std::string device, precision;
  Preprocess preprocess;  // with what options changed
};

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
