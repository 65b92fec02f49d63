#include "apps/evaluation/model_run.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/digest.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kCommand = "nestor-eval";

}  // namespace

bool runs_model(const ModelRunOptions& options, const std::string& predictions) {
  const bool named = !options.model.weights.empty() || options.model.pretrained;
  CHECK_AS(kUsage, named == predictions.empty(),
           "expected either --predictions or a model (--weights or --pretrained)");
  return named;
}

OpenedModel open_for_evaluation(const ModelRunOptions& options, Task task,
                                const DetectionLimits& detection) {
  return open_model(model_file(kCommand, options.model), {.command = kCommand,
                                                          .task = task,
                                                          .model = options.model,
                                                          .preprocess = options.preprocess,
                                                          .device = options.running.device,
                                                          .detection = detection});
}

Json facts_of(const OpenedModel& model) {
  Json facts = {{"task", to_string(model.info().task)},
                {"model", model.file},
                {"network", model.info().network},
                {"device", model.session.device()},
                {"precision", to_string(model.session.precision())},
                {"preprocess", Json::parse(to_json(model.preprocess))}};
  if (model.info().synthetic) facts["synthetic"] = true;
  return facts;
}

ResultsLog open_log(const ModelRunOptions& options, const OpenedModel& model, const Json& data) {
  if (options.log.path.empty()) return ResultsLog(options.log, {});
  Json run = facts_of(model);
  run["sha256"] = sha256_hex(MappedFile::open(model.file).bytes());
  run.update(data);
  return ResultsLog(options.log, run);
}

int run_evaluation(OpenedModel& model, const ModelRunOptions& options, bool quiet,
                   std::size_t most_at_once, ImageTask& task) {
  const std::size_t num_images = std::max<std::size_t>(task.num_images(), 1);
  const BatchOptions batches{.batch_size =
                                 batch_size_of(options.running, num_images, most_at_once)};
  return run_image_task(model, batches, ResultOptions{.quiet = quiet}, task);
}

RunSummary evaluation_summary(bool quiet, std::size_t num_images) {
  return RunSummary(
      {.command = kCommand, .doing = "evaluating", .done = "evaluated", .quiet = quiet},
      num_images);
}

}  // namespace nestor
