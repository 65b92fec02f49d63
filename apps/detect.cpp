// nestor-detect: finds objects in pictures.

#include <algorithm>
#include <map>
#include <utility>

#include "apps/common/detection_options.h"
#include "apps/common/detection_report.h"
#include "apps/common/drawn_pictures.h"
#include "apps/common/image_options.h"
#include "apps/common/image_task.h"
#include "apps/common/model_command.h"
#include "apps/common/model_options.h"
#include "apps/common/opened_model.h"
#include "apps/common/result_options.h"
#include "apps/common/running_options.h"
#include "library/detected_objects.h"

namespace {

using namespace nestor;

constexpr const char* kCommand = "nestor-detect";
// Images of 800 x 1333 pixels take half a gigabyte each.
constexpr std::size_t kMostAtOnce = 4;

struct Options {
  ModelOptions model;
  ImageOptions images;
  DetectionOptions detection;
  RunningOptions running;
  ResultOptions results;
  std::string save_vis;  // a folder; empty: nothing is drawn
};

void add_options(CLI::App& app, Options& options) {
  add_model_options(app, options.model);
  add_image_options(app, options.images);
  add_size_options(app, options.detection);
  add_running_options(app, options.running, kMostAtOnce);
  add_detection_options(app, options.detection);
  add_format_option(app, options.results,
                    {std::begin(kDetectionFormats), std::end(kDetectionFormats)});
  add_output_option(app, options.results);
  add_save_options(app, options.results, "boxes, scores and classes");
  app.add_option("--save-vis", options.save_vis,
                 "Draw the detections on the pictures, and write these into this folder")
      ->type_name("DIR")
      ->group("Results");
  add_quiet_option(app, options.results);
}

// The images of the command line to rows of the report.
class Detection : public ImageTask {
 public:
  Detection(std::vector<std::string> names, const Options& options, const OpenedModel& model,
            DetectionReport& report, RunSummary& summary)
      : ImageTask(std::move(names), options.images.preprocess, model, summary),
        info_(model.info()),
        classes_(classes_of(options.detection, model.info())),
        drawn_(options.save_vis),
        report_(report) {}

  void see_decoded(std::size_t idx, const Image& picture) const override {
    if (drawn_.wanted()) drawn_.keep(idx, picture);
  }

  void finish_report() override { report_.finish(); }

 private:
  void compute_result(std::size_t idx, const PreparedImage& image,
                      const ImageOutputs& outputs) override {
    std::vector<DetectedObject> objects = detected_objects(outputs, image, info_);
    std::erase_if(objects, [this](const DetectedObject& object) {
      return !classes_.empty() && !std::ranges::binary_search(classes_, object.class_id);
    });
    objects_[idx] = std::move(objects);
  }

  void report(std::size_t idx, const PreparedImage& prepared, const Error* error) override {
    DetectedImage row{.image = name(idx),
                      .idx = idx,
                      .width = prepared.width,
                      .height = prepared.height,
                      .objects = {},
                      .error = std::nullopt};
    if (error != nullptr) {
      row.error = error->what();
    } else {
      row.objects = std::move(objects_.extract(idx).mapped());
      if (drawn_.wanted()) drawn_.write(idx, name(idx), row.objects);
    }
    report_.add(row);
  }

  const ModelInfo& info_;
  const std::vector<int> classes_;  // ascending; empty: all
  mutable DrawnPictures drawn_;
  DetectionReport& report_;
  std::map<std::size_t, std::vector<DetectedObject>> objects_;  // not reported yet
};

int detect(const Options& options) {
  std::vector<std::string> names = named_images(kCommand, options.images);
  const std::string file = model_file(kCommand, options.model);
  check_outputs(options.results, files_read(names, file, options.model));
  TextOutput output = open_results(kCommand, options.results, names);
  OpenedModel model = open_model(file, {.command = kCommand,
                                        .task = Task::kDetection,
                                        .model = options.model,
                                        .preprocess = options.images.preprocess,
                                        .device = options.running.device,
                                        .detection = options.detection.limits});
  model.preprocess = sized_by(options.detection, model.preprocess);
  const BatchOptions batches{
      .batch_size = batch_size_of(options.running, names.size(), kMostAtOnce),
      .taps = options.results.save_tensors};
  const auto report =
      detection_report(options.results.format, model.info(), run_facts(model), output);
  RunSummary summary(
      summary_options({.command = kCommand, .doing = "detecting", .done = "searched"},
                      options.results),
      names.size());
  Detection detection(std::move(names), options, model, *report, summary);
  return run_image_task(model, batches, options.results, detection);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Find objects in images with a Faster R-CNN.\n\n"
      "  nestor-detect --weights detector.safetensors photo.jpg\n"
      "  nestor-detect --weights detector.safetensors --thresh 0.3 photos/\n"
      "  nestor-detect --weights detector.safetensors --classes person,dog photo.jpg\n",
      kCommand);
  Options options;
  add_options(app, options);
  return run_model_command(app, argc, argv, [&] { return detect(options); });
}
