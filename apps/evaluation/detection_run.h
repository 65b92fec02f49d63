#pragma once
// A detector on the images of COCO annotations, as GluonCV evaluates it.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/detection_options.h"
#include "apps/evaluation/coco_file.h"
#include "apps/evaluation/model_run.h"

namespace nestor {

struct DetectionRunOptions {
  std::string images;  // the folder
  DetectionOptions sizes;
  ModelRunOptions model;
};

// Those of model, --images, sizes, running and results file.
void add_detection_run_options(CLI::App& app, DetectionRunOptions& options);

struct DetectionRun {
  std::vector<CocoDetection> detections;
  nlohmann::ordered_json facts;  // about the run
  int exit_code = 0;
};

// Detections of a score of at least 0.05, cut off at the border of the network's input, with sides of
// x2 - x1 + 1 pixels (dmlc/gluon-cv:gluoncv/utils/metrics/coco_detection.py@v0.7.0). The model's
// classes are the categories in ascending order of their ids: throws kBadInput if they are not as
// many. `file`: the annotations'.
DetectionRun detect_for_evaluation(const DetectionRunOptions& options, bool quiet,
                                   const CocoAnnotations& annotations, const std::string& file);

}  // namespace nestor
