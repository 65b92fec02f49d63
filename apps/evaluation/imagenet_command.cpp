// nestor-eval imagenet: a classifier on images of known classes.

#include <map>
#include <memory>
#include <set>

#include "apps/evaluation/classification_metric.h"
#include "apps/evaluation/commands.h"
#include "apps/evaluation/figures_report.h"
#include "apps/evaluation/labelled_images.h"
#include "apps/evaluation/model_run.h"
#include "engine/check.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kTop = 5;

struct Options {
  std::string images;
  std::string list;
  ModelRunOptions run;
  FiguresOptions figures;
};

void add_options(CLI::App& command, Options& options) {
  add_model_options(command, options.run.model);
  command
      .add_option("--images", options.images,
                  "Folder with one folder of images a class; with --list the folder in which its "
                  "paths begin")
      ->type_name("DIR")
      ->group("Data");
  command
      .add_option("--list", options.list,
                  "Text file with the path of an image and the number of its class a line")
      ->type_name("FILE")
      ->group("Data");
  add_decode_options(command, options.run.preprocess);
  add_preprocess_options(command, options.run.preprocess);
  add_running_options(command, options.run.running);
  add_results_log_options(command, options.run.log);
  add_figures_options(command, options.figures);
}

std::vector<LabelledImage> labelled_images(const Options& options, const ModelInfo& info) {
  if (!options.list.empty()) return images_in_list(options.list, options.images, info);
  CHECK_AS(kUsage, !options.images.empty(), "no images: --images DIR or --list FILE");
  return images_by_folder(options.images, info);
}

// An image's result as the log keeps it.
struct Result {
  std::string image;
  int class_id = 0;
  std::vector<int> best;
  double probability = 0;

  Json to_json() const {
    return {{"image", image}, {"class_id", class_id}, {"best", best}, {"probability", probability}};
  }
};

Result result_of(const Json& json, const std::string& file) {
  try {
    return {.image = json.at("image").get<std::string>(),
            .class_id = json.at("class_id").get<int>(),
            .best = json.at("best").get<std::vector<int>>(),
            .probability = json.at("probability").get<double>()};
  } catch (const Json::exception&) {
    fail(ErrorCode::kBadInput, "{}: {} is no result of a classification", file,
         json.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
}

std::vector<std::string> paths_of(const std::vector<LabelledImage>& images) {
  std::vector<std::string> paths;
  for (const LabelledImage& image : images) paths.push_back(image.path);
  return paths;
}

class ClassifierTask : public ImageTask {
 public:
  ClassifierTask(std::vector<LabelledImage> images, const Options& options,
                 const OpenedModel& model, ResultsLog& log, ClassificationMetric& metric,
                 RunSummary& summary)
      : ImageTask(paths_of(images), options.run.preprocess, model, summary),
        images_(std::move(images)),
        info_(model.info()),
        log_(log),
        metric_(metric) {}

  void finish_report() override {}

 private:
  void compute_result(std::size_t idx, const PreparedImage&, const ImageOutputs& outputs) override {
    const TensorView logits = outputs.tensor(0);
    const auto num_classes = static_cast<std::size_t>(info_.num_classes);
    const std::vector<Prediction> best = top_k({logits.as<float>(), num_classes}, {}, kTop);
    Result result{.image = images_[idx].path,
                  .class_id = images_[idx].class_id,
                  .best = {},
                  .probability = best.front().probability};
    for (const Prediction& prediction : best) result.best.push_back(prediction.class_id);
    results_[idx] = std::move(result);
  }

  void report(std::size_t idx, const PreparedImage&, const Error* error) override {
    if (error != nullptr) return;  // a later run may read it
    const Result result = std::move(results_.extract(idx).mapped());
    metric_.add(result.class_id, result.best, result.probability);
    log_.add(result.to_json());
  }

  const std::vector<LabelledImage> images_;
  const ModelInfo& info_;
  ResultsLog& log_;
  ClassificationMetric& metric_;
  std::map<std::size_t, Result> results_;  // not reported yet
};

// Takes what earlier runs found into the metric and off the images.
void take_earlier(const ResultsLog& log, const std::string& file,
                  std::vector<LabelledImage>& images, ClassificationMetric& metric) {
  std::map<std::string, Result> earlier;
  for (const Json& json : log.earlier()) {
    Result result = result_of(json, file);
    earlier.emplace(result.image, std::move(result));
  }
  std::erase_if(images, [&](const LabelledImage& image) {
    const auto found = earlier.find(image.path);
    if (found == earlier.end()) return false;
    metric.add(image.class_id, found->second.best, found->second.probability);
    return true;
  });
}

Json calibration_of(const ClassificationMetric& metric) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < kNumConfidenceBins; ++i) {
    const ConfidenceBin& bin = metric.bins()[i];
    const double images = static_cast<double>(bin.images);
    Json row = {{"up_to", static_cast<double>(i + 1) / kNumConfidenceBins}, {"images", bin.images}};
    if (bin.images > 0) {
      row["probability"] = bin.sum / images;
      row["right"] = static_cast<double>(bin.right) / images;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void report(const Options& options, Json facts, const ClassificationMetric& metric,
            std::size_t num_failed) {
  const Figure figures[] = {{"top1", metric.top1()},
                            {"top5", metric.top5()},
                            {"calibration_error", metric.calibration_error()}};
  facts["images"] = metric.images();
  facts["failed"] = num_failed;
  facts["calibration"] = calibration_of(metric);
  report_figures(options.figures, figures, facts);
}

int evaluate(const Options& options) {
  const std::string read[] = {options.list, options.run.log.path, options.run.model.weights};
  check_figures_output(options.figures, read);
  OpenedModel model = open_for_evaluation(options.run, Task::kClassification);
  std::vector<LabelledImage> images = labelled_images(options, model.info());
  const Json facts = facts_of(model);
  ResultsLog log = open_log(options.run, model, Json::object());
  ClassificationMetric metric;
  take_earlier(log, options.run.log.path, images, metric);
  RunSummary summary = evaluation_summary(options.figures.quiet, images.size());
  ClassifierTask task(std::move(images), options, model, log, metric, summary);
  const int code =
      run_evaluation(model, options.run, options.figures.quiet, kMaxDefaultBatch, task);
  report(options, facts, metric, task.num_images() - summary.num_good());
  return code;
}

}  // namespace

void add_imagenet_command(CLI::App& app, Work& chosen) {
  CLI::App& command = *app.add_subcommand(
      "imagenet", "Accuracy and calibration of a classifier on images in folders by class");
  const auto options = std::make_shared<Options>();
  add_options(command, *options);
  command.callback([options, &chosen] { chosen = [options] { return evaluate(*options); }; });
}

}  // namespace nestor
