#pragma once
// What evaluations that run a model share.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/image_task.h"
#include "apps/common/model_options.h"
#include "apps/common/opened_model.h"
#include "apps/common/preprocess_options.h"
#include "apps/common/running_options.h"
#include "apps/evaluation/results_log.h"

namespace nestor {

struct ModelRunOptions {
  ModelOptions model;
  PreprocessOptions preprocess;
  RunningOptions running;
  ResultsLogOptions log;
};

// Whether the options name a model. Throws kUsage unless they name either that or `predictions`, the
// value of --predictions.
bool runs_model(const ModelRunOptions& options, const std::string& predictions);

// The model of the options, ready to run: for `task`, and reporting detections by `detection`.
OpenedModel open_for_evaluation(const ModelRunOptions& options, Task task,
                                const DetectionLimits& detection = {});

// The facts that the figures' file states: task, model, network, device, precision, preprocessing.
nlohmann::ordered_json facts_of(const OpenedModel& model);

// The results of earlier runs that had the same facts, bytes of the model and `data`, an object.
ResultsLog open_log(const ModelRunOptions& options, const OpenedModel& model,
                    const nlohmann::ordered_json& data);

// Runs the images through the task, at most `most_at_once` in a batch, and returns how it ended as an
// exit code. Nothing is saved.
int run_evaluation(OpenedModel& model, const ModelRunOptions& options, bool quiet,
                   std::size_t most_at_once, ImageTask& task);

// Progress, errors and the number of images of such a run.
RunSummary evaluation_summary(bool quiet, std::size_t num_images);

}  // namespace nestor
