#pragma once
// A segmenter on images with labels: whole images, at their own size.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/evaluation/model_run.h"
#include "apps/evaluation/segmentation_metric.h"

namespace nestor {

inline constexpr std::size_t kMostSegmentedAtOnce = 4;

struct SegmentationRun {
  SegmentationMetric metric;
  std::size_t num_images = 0;
  std::vector<std::string> class_names = {};  // empty: not known
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
  int exit_code = 0;
};

// Runs the model on all images of a folder and counts their pixels. Throws kBadInput for an image
// without a label in the folder `labels`, and for labels as SegmentationMetric does.
SegmentationRun segment_for_evaluation(const ModelRunOptions& options, bool quiet,
                                       const std::string& images, const std::string& labels);

}  // namespace nestor
