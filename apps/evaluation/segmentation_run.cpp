#include "apps/evaluation/segmentation_run.h"

#include <map>
#include <unordered_set>

#include "apps/common/inputs.h"
#include "apps/evaluation/class_map_file.h"
#include "apps/evaluation/class_map_folders.h"
#include "engine/check.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kMostClasses = 255;  // a label is 8 bits, and 0 is none

// The pixels of an image by class and prediction, without those that do not occur.
Json to_json(const std::string& image, const SegmentationMetric& metric) {
  Json rows = Json::array();
  for (std::size_t label = 0; label < metric.num_classes(); ++label) {
    for (std::size_t prediction = 0; prediction < metric.num_classes(); ++prediction) {
      const std::int64_t count = metric.count(label, prediction);
      if (count > 0) rows.push_back({label, prediction, count});
    }
  }
  return {{"image", image}, {"pixels", rows}};
}

// The image's name.
std::string add_earlier(const Json& json, const std::string& file, SegmentationMetric& metric) {
  try {
    for (const Json& row : json.at("pixels")) {
      const auto label = row.at(0).get<std::size_t>(), prediction = row.at(1).get<std::size_t>();
      const auto pixels = row.at(2).get<std::int64_t>();
      CHECK_AS(kBadInput, std::max(label, prediction) < metric.num_classes() && pixels >= 0,
               "{}: {}: no pixels of the model's classes", file, row.dump());
      metric.add(label, prediction, pixels);
    }
    return json.at("image").get<std::string>();
  } catch (const Json::exception&) {
    fail(ErrorCode::kBadInput, "{}: {} is no result of a segmentation", file,
         json.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
}

class SegmenterTask : public ImageTask {
 public:
  SegmenterTask(const std::vector<std::string>& images, std::vector<std::string> labels,
                const ModelRunOptions& options, const OpenedModel& model, ResultsLog& log,
                SegmentationRun& run, RunSummary& summary)
      : ImageTask(images, options.preprocess, model, summary),
        labels_(std::move(labels)),
        num_classes_(model.info().num_classes),
        log_(log),
        run_(run) {}

  void finish_report() override {}

 private:
  void compute_result(std::size_t idx, const PreparedImage& image,
                      const ImageOutputs& outputs) override {
    const TensorView classes = outputs.tensor(0);
    const std::size_t num_pixels = classes.bytes();
    const auto* const first = classes.as<std::uint8_t>();
    const IndexImage map{
        .width = image.width, .height = image.height, .classes = {first, first + num_pixels}};
    SegmentationMetric& metric = metrics_.emplace(idx, num_classes_).first->second;
    metric.add(map, name(idx), read_class_map(labels_[idx]), labels_[idx]);
  }

  void report(std::size_t idx, const PreparedImage&, const Error* error) override {
    if (error != nullptr) return;  // a later run may read it
    const Json result = to_json(name(idx), metrics_.extract(idx).mapped());
    add_earlier(result, name(idx), run_.metric);
    log_.add(result);
    ++run_.num_images;
  }

  const std::vector<std::string> labels_;
  const int num_classes_;
  ResultsLog& log_;
  SegmentationRun& run_;
  std::map<std::size_t, SegmentationMetric> metrics_;  // of images not reported yet
};

}  // namespace

SegmentationRun segment_for_evaluation(const ModelRunOptions& options, bool quiet,
                                       const std::string& images, const std::string& labels) {
  OpenedModel model = open_for_evaluation(options, Task::kSegmentation);
  CHECK_AS(kUnsupported, model.info().num_classes <= kMostClasses,
           "{} classes, expected at most {}", model.info().num_classes, kMostClasses);
  SegmentationRun run{.metric = SegmentationMetric(model.info().num_classes),
                      .class_names = model.info().labels,
                      .facts = facts_of(model)};
  ResultsLog log = open_log(options, model, {{"labels", labels}});
  std::unordered_set<std::string> seen;
  for (const Json& json : log.earlier()) {
    seen.insert(add_earlier(json, options.log.path, run.metric));
  }
  run.num_images = seen.size();
  std::vector<std::string> names = expand_inputs({images}).names;
  std::erase_if(names, [&](const std::string& name) { return seen.contains(name); });
  RunSummary summary = evaluation_summary(quiet, names.size());
  SegmenterTask task(names, labels_of(names, labels), options, model, log, run, summary);
  run.exit_code = run_evaluation(model, options, quiet, kMostSegmentedAtOnce, task);
  run.facts["failed"] = task.num_images() - summary.num_good();
  return run;
}

}  // namespace nestor
