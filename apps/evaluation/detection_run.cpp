#include "apps/evaluation/detection_run.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <unordered_set>

#include "engine/check.h"
#include "library/detected_objects.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr float kLeastScore = 0.05F;
// Images of 800 x 1333 pixels take half a gigabyte each.
constexpr std::size_t kMostAtOnce = 4;

// A file that the annotations name, which are not trusted to name others than images of the folder.
std::string path_of(const CocoImage& image, const std::string& folder) {
  const fs::path name = image.file_name;
  const bool inside =
      !name.empty() && name.is_relative() && std::ranges::find(name, "..") == name.end();
  CHECK_AS(kBadInput, inside,
           "image {} of the annotations is called \"{}\", which is no file in {}", image.id,
           image.file_name, folder);
  return (fs::path(folder) / name).string();
}

std::vector<std::string> paths_of(const std::vector<CocoImage>& images, const std::string& folder) {
  std::vector<std::string> paths;
  for (const CocoImage& image : images) paths.push_back(path_of(image, folder));
  return paths;
}

// `corners` and `width` x `height`, the network's input, in pixels of the image.
CocoBox box_within(const std::array<float, 4>& corners, float width, float height) {
  const float x1 = std::clamp(corners[0], 0.0F, width), y1 = std::clamp(corners[1], 0.0F, height);
  const float x2 = std::clamp(corners[2], 0.0F, width), y2 = std::clamp(corners[3], 0.0F, height);
  return {x1, y1, x2 - x1 + 1, y2 - y1 + 1};
}

Json to_json(std::int64_t image_id, const std::vector<CocoDetection>& detections) {
  Json rows = Json::array();
  for (const CocoDetection& detection : detections) {
    rows.push_back({{"category_id", detection.category_id},
                    {"bbox", detection.box},
                    {"score", detection.score}});
  }
  return {{"image_id", image_id}, {"detections", rows}};
}

// The image's id.
std::int64_t add_earlier(const Json& json, const std::string& file,
                         std::vector<CocoDetection>& detections) {
  try {
    const auto image_id = json.at("image_id").get<std::int64_t>();
    for (const Json& row : json.at("detections")) {
      detections.push_back({.image_id = image_id,
                            .category_id = row.at("category_id").get<std::int64_t>(),
                            .box = row.at("bbox").get<CocoBox>(),
                            .score = row.at("score").get<double>()});
    }
    return image_id;
  } catch (const Json::exception&) {
    fail(ErrorCode::kBadInput, "{}: image {}: no result of a detection", file,
         json.value("image_id", Json()).dump());
  }
}

class DetectorTask : public ImageTask {
 public:
  DetectorTask(std::vector<CocoImage> images, const DetectionRunOptions& options,
               const OpenedModel& model, const std::vector<CocoCategory>& categories,
               ResultsLog& log, std::vector<CocoDetection>& all, RunSummary& summary)
      : ImageTask(paths_of(images, options.images), options.model.preprocess, model, summary),
        images_(std::move(images)),
        info_(model.info()),
        categories_(categories),
        log_(log),
        all_(all) {}

  void finish_report() override {}

 private:
  void compute_result(std::size_t idx, const PreparedImage& image,
                      const ImageOutputs& outputs) override {
    const auto scale = static_cast<float>(static_cast<double>(image.height) / image.image.height);
    std::vector<CocoDetection>& found = found_[idx];
    for (const DetectedObject& object : detected_objects(outputs, image, info_)) {
      const auto class_idx = static_cast<std::size_t>(object.class_id);
      found.push_back({.image_id = images_[idx].id,
                       .category_id = categories_.at(class_idx).id,
                       .box = box_within(object.box, static_cast<float>(image.image.width) * scale,
                                         static_cast<float>(image.image.height) * scale),
                       .score = object.score});
    }
  }

  void report(std::size_t idx, const PreparedImage&, const Error* error) override {
    if (error != nullptr) return;  // a later run may read it
    const std::vector<CocoDetection> found = std::move(found_.extract(idx).mapped());
    log_.add(to_json(images_[idx].id, found));
    all_.insert(all_.end(), found.begin(), found.end());
  }

  const std::vector<CocoImage> images_;
  const ModelInfo& info_;
  const std::vector<CocoCategory>& categories_;
  ResultsLog& log_;
  std::vector<CocoDetection>& all_;
  std::map<std::size_t, std::vector<CocoDetection>> found_;  // not reported yet
};

OpenedModel open_detector(const DetectionRunOptions& options, std::size_t num_categories) {
  OpenedModel model =
      open_for_evaluation(options.model, Task::kDetection, {.score_threshold = kLeastScore});
  model.preprocess = sized_by(options.sizes, model.preprocess);
  CHECK_AS(kBadInput, static_cast<std::size_t>(model.info().num_classes) == num_categories,
           "the annotations have {} categories, {} has {} classes", num_categories,
           model.info().network, model.info().num_classes);
  return model;
}

// The images that no earlier run has seen.
std::vector<CocoImage> remaining(const CocoAnnotations& annotations, const ResultsLog& log,
                                 const std::string& file, std::vector<CocoDetection>& detections) {
  std::unordered_set<std::int64_t> seen;
  for (const Json& json : log.earlier()) seen.insert(add_earlier(json, file, detections));
  std::vector<CocoImage> images = annotations.images;
  std::erase_if(images, [&](const CocoImage& image) { return seen.contains(image.id); });
  return images;
}

}  // namespace

void add_detection_run_options(CLI::App& app, DetectionRunOptions& options) {
  app.add_option("--images", options.images, "Folder of the images to run the model on")
      ->type_name("DIR")
      ->group("Data");
  add_model_options(app, options.model.model);
  add_decode_options(app, options.model.preprocess);
  add_size_options(app, options.sizes);
  add_running_options(app, options.model.running, kMostAtOnce);
  add_results_log_options(app, options.model.log);
}

DetectionRun detect_for_evaluation(const DetectionRunOptions& options, bool quiet,
                                   const CocoAnnotations& annotations, const std::string& file) {
  CHECK_AS(kUsage, !options.images.empty(), "no images: --images DIR");
  OpenedModel model = open_detector(options, annotations.categories.size());
  DetectionRun run{.facts = facts_of(model)};
  ResultsLog log =
      open_log(options.model, model, {{"annotations", file}, {"images", options.images}});
  std::vector<CocoImage> images =
      remaining(annotations, log, options.model.log.path, run.detections);
  RunSummary summary = evaluation_summary(quiet, images.size());
  DetectorTask task(std::move(images), options, model, annotations.categories, log, run.detections,
                    summary);
  run.exit_code = run_evaluation(model, options.model, quiet, kMostAtOnce, task);
  run.facts["failed"] = task.num_images() - summary.num_good();
  return run;
}

}  // namespace nestor
