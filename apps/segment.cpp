// nestor-segment: gives each pixel of pictures its class.

#include <map>
#include <utility>

#include "apps/common/choices.h"
#include "apps/common/image_options.h"
#include "apps/common/image_task.h"
#include "apps/common/model_command.h"
#include "apps/common/model_options.h"
#include "apps/common/opened_model.h"
#include "apps/common/result_options.h"
#include "apps/common/running_options.h"
#include "apps/common/segmentation_report.h"
#include "engine/check.h"
#include "graphs/zoo.h"
#include "library/class_map.h"
#include "library/multi_scale/evaluation.h"

namespace {

using namespace nestor;

constexpr const char* kCommand = "nestor-segment";
// Images of 480 x 480 pixels take a hundred megabytes each.
constexpr std::size_t kMostAtOnce = 4;
constexpr int kMostSide = 8192;  // of what multi-scale makes of an image

struct Options {
  ModelOptions model;
  ImageOptions images;
  RunningOptions running;
  std::string mode = "predict";
  MultiScaleOptions multi_scale;
  SegmentationFormat format;
  ResultOptions results;  // its format and output are those of `format`, if that is text
};

void add_format_options(CLI::App& app, SegmentationFormat& format) {
  constexpr const char* kGroup = "Results";
  app.add_option(
         "--format,--results-format", format.name,
         "png: class maps, whose levels are the classes; overlay: pictures in the colours "
         "of their classes; raw: class maps, a byte per pixel; json, jsonl, csv: the classes with "
         "their pixels and share")
      ->check(one_of({std::begin(kSegmentationFormats), std::end(kSegmentationFormats)}))
      ->type_name("FORMAT")
      ->default_str(kSegmentationFormats[0])
      ->group(kGroup);
  app.add_option("-o,--output,--results-file", format.output,
                 "Folder for the results, one file per image, named after it; of json, jsonl and "
                 "csv the file (default: standard output)")
      ->type_name("DIR")
      ->group(kGroup);
  app.add_option(
         "--palette", format.palette,
         "Colours of the classes: ade20k, voc, or a file with one \"r g b\" per line; makes "
         "class maps palette pictures")
      ->type_name("NAME")
      ->group(kGroup);
  app.add_option("--overlay-alpha", format.alpha,
                 "Weight of the classes' colours in overlays: 0 shows the picture, 1 the classes")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->group(kGroup);
  app.add_flag("--legend", format.legend,
               "List the classes and their share of the pixels below overlays")
      ->group(kGroup);
}

void add_mode_options(CLI::App& app, Options& options) {
  constexpr const char* kGroup = "Running";
  MultiScaleOptions& multi_scale = options.multi_scale;
  app.add_option("--mode", options.mode,
                 "predict: run images once, in their own size; multi-scale: evaluate them as "
                 "published accuracies were, in windows at several sizes")
      ->capture_default_str()
      ->check(one_of({"predict", "multi-scale"}))
      ->type_name("MODE")
      ->group(kGroup);
  app.add_option("--scales", multi_scale.scales, "Sizes of multi-scale, in units of --base-size")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NUMBERS")
      ->default_str("0.5,0.75,1.0,1.25,1.5,1.75")
      ->group(kGroup);
  app.add_flag("--flip", multi_scale.flip, "Run each window of multi-scale mirrored, too (default)")
      ->group(kGroup);
  app.add_flag_callback(
         "--no-flip", [&multi_scale] { multi_scale.flip = false; },
         "Run the windows of multi-scale as they are only")
      ->group(kGroup);
  app.add_option("--base-size", multi_scale.base_size,
                 "Longer side of the image at scale 1 of multi-scale, in pixels")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostSide))
      ->group(kGroup);
  app.add_option("--crop-size", multi_scale.crop_size, "Side of the windows of multi-scale")
      ->capture_default_str()
      ->check(CLI::Range(kSmallestInputSide, kMostSide))
      ->group(kGroup);
}

void add_options(CLI::App& app, Options& options) {
  add_model_options(app, options.model);
  add_image_options(app, options.images);
  add_running_options(app, options.running, kMostAtOnce);
  add_mode_options(app, options);
  add_format_options(app, options.format);
  app.add_flag("--resume", options.results.resume,
               "Leave out images whose results --output has from an earlier run (all formats but "
               "json)")
      ->needs("--output")
      ->group("Results");
  add_save_options(app, options.results, "class maps");
  add_quiet_option(app, options.results);
}

bool is_multi_scale(const Options& options) { return options.mode == "multi-scale"; }

// The images of the command line to results of the report.
class Segmentation : public ImageTask {
 public:
  Segmentation(std::vector<std::string> names, const Options& options, const OpenedModel& model,
               SegmentationReport& report, RunSummary& summary)
      : ImageTask(std::move(names), options.images.preprocess, model, summary),
        keeps_pictures_(options.format.name == "overlay"),
        report_(report) {
    if (is_multi_scale(options)) take_all_sizes();
  }

  void admit(std::size_t idx, const PreparedImage& prepared) override {
    ImageTask::admit(idx, prepared);
    if (keeps_pictures_) results_[idx].picture = prepared.image;
  }

  void finish_report() override { report_.finish(); }

 private:
  void compute_result(std::size_t idx, const PreparedImage&, const ImageOutputs& outputs) override {
    results_[idx].map = class_map_of(outputs);
  }

  void report(std::size_t idx, const PreparedImage&, const Error* error) override {
    SegmentedImage result;
    if (error == nullptr) result = std::move(results_[idx]);
    results_.erase(idx);
    result.image = name(idx);
    if (error != nullptr) result.error = error->what();
    report_.add(result);
  }

  const bool keeps_pictures_;
  SegmentationReport& report_;
  std::map<std::size_t, SegmentedImage> results_;  // not reported yet
};

// Multi-scale has no tensors but its scores.
void check_tensors(const Options& options) {
  if (!is_multi_scale(options)) return;
  for (const std::string& name : options.results.save_tensors) {
    CHECK_AS(kUsage, name == "scores",
             "--save-tensors {}: multi-scale has no such tensor, only scores", name);
  }
}

RunImages run_images(OpenedModel& model, const Options& options, std::size_t num_images) {
  if (!is_multi_scale(options)) {
    const BatchOptions batches{
        .batch_size = batch_size_of(options.running, num_images, kMostAtOnce),
        .taps = options.results.save_tensors};
    return [&model, batches](ImageTask& task) {
      run_batches(model.session, task.num_images(), batches, task);
    };
  }
  MultiScaleOptions settings = options.multi_scale;
  if (options.running.batch_size > 0) settings.batch_size = options.running.batch_size;
  MultiScale evaluation(model.session, model.preprocess.normalisation, model.info().num_classes,
                        settings, !options.results.save_tensors.empty());
  return [evaluation](ImageTask& task) mutable {
    run_multi_scale(evaluation, task.num_images(), task);
  };
}

// Where text goes. Images that have results are taken out if the run goes on with an earlier one.
TextOutput open_outputs(const Options& options, std::vector<std::string>& names) {
  if (is_text(options.format)) return open_results(kCommand, options.results, names);
  check_image_outputs(options.format, names);
  if (options.results.resume) {
    const std::size_t num_all = names.size();
    names = without_outputs(options.format, std::move(names));
    report_resumed(kCommand, options.results, num_all - names.size(), num_all,
                   options.format.output);
  }
  return TextOutput("");
}

int segment(Options options) {
  options.results.resumable = {std::begin(kResumableSegmentations),
                               std::end(kResumableSegmentations)};
  options.results.format = options.format.name;
  if (is_text(options.format)) options.results.output = options.format.output;
  std::vector<std::string> names = named_images(kCommand, options.images);
  const std::string file = model_file(kCommand, options.model);
  check_outputs(options.results, files_read(names, file, options.model));
  check_tensors(options);
  TextOutput output = open_outputs(options, names);
  OpenedModel model = open_model(file, {.command = kCommand,
                                        .task = Task::kSegmentation,
                                        .model = options.model,
                                        .preprocess = options.images.preprocess,
                                        .device = options.running.device});
  require_byte_classes(model.info());
  const RunImages run = run_images(model, options, names.size());
  const auto report = segmentation_report(options.format, model.info(), run_facts(model), output);
  RunSummary summary(
      summary_options({.command = kCommand, .doing = "segmenting", .done = "segmented"},
                      options.results),
      names.size());
  Segmentation segmentation(std::move(names), options, model, *report, summary);
  return run_image_task(model, run, options.results, segmentation);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Segment images with a DeepLabV3.\n\n"
      "  nestor-segment --weights m.safetensors --output maps photo.jpg\n"
      "  nestor-segment --weights m.safetensors --format overlay --output out photo.jpg\n"
      "  nestor-segment --weights m.safetensors --format json photo.jpg\n"
      "  nestor-segment --weights m.safetensors --mode multi-scale --output out a.jpg\n",
      kCommand);
  Options options;
  add_options(app, options);
  return run_model_command(app, argc, argv, [&] { return segment(options); });
}
