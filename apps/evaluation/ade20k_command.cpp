// nestor-eval ade20k: class maps, of files or of a model, against the labels of pixels.

#include <fmt/format.h>

#include <memory>

#include "apps/common/messages.h"
#include "apps/common/progress.h"
#include "apps/common/text_output.h"
#include "apps/evaluation/class_map_file.h"
#include "apps/evaluation/class_map_folders.h"
#include "apps/evaluation/commands.h"
#include "apps/evaluation/figures_report.h"
#include "apps/evaluation/segmentation_metric.h"
#include "apps/evaluation/segmentation_run.h"
#include "engine/check.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kCommand = "nestor-eval";
constexpr const char* kGroup = "Data";
constexpr int kMostClasses = 255;  // a label is 8 bits, and 0 is none

struct Options {
  std::string predictions;
  std::string images;
  std::string labels;
  int num_classes = 150;
  std::string confusion;
  ModelRunOptions run;
  FiguresOptions figures;
};

void add_data_options(CLI::App& command, Options& options) {
  command
      .add_option("--labels", options.labels,
                  "Folder of label files as ADE20K ships them: PNG, 0 for pixels without a label, "
                  "else class + 1")
      ->type_name("DIR")
      ->required()
      ->group(kGroup);
  command
      .add_option(
          "--predictions", options.predictions,
          "Folder of class maps: PNG of the same names, one class a pixel, as nestor-segment "
          "writes them; or else --weights and --images")
      ->type_name("DIR")
      ->group(kGroup);
  command
      .add_option("--images", options.images,
                  "Folder of the images to run the model on, called as their labels")
      ->type_name("DIR")
      ->group(kGroup);
  command.add_option("--num-classes", options.num_classes, "Number of classes of --predictions")
      ->check(CLI::Range(1, kMostClasses))
      ->capture_default_str()
      ->group(kGroup);
}

void add_options(CLI::App& command, Options& options) {
  add_data_options(command, options);
  add_weights_options(command, options.run.model);
  add_decode_options(command, options.run.preprocess);
  add_running_options(command, options.run.running, kMostSegmentedAtOnce);
  add_results_log_options(command, options.run.log);
  command
      .add_option(
          "--confusion", options.confusion,
          "Write how many pixels of each class (rows) were taken for each class (columns) to "
          "this file, as CSV")
      ->type_name("FILE")
      ->group("Results");
  add_figures_options(command, options.figures);
}

void warn_of(const std::vector<std::string>& without_labels) {
  if (without_labels.empty()) return;
  print_message(kCommand, fmt::format("warning: {} of the predictions have no label, e.g. {}",
                                      without_labels.size(), without_labels.front()));
}

SegmentationRun compare_maps(const Options& options) {
  const ClassMapPairs maps = match_class_maps(options.predictions, options.labels);
  warn_of(maps.without_labels);
  SegmentationMetric metric(options.num_classes);
  ProgressBar bar("comparing", options.figures.quiet ? 0 : maps.pairs.size());
  for (const ClassMapPair& pair : maps.pairs) {
    metric.add(read_class_map(pair.prediction), pair.prediction, read_class_map(pair.label),
               pair.label);
    bar.advance(1);
  }
  return {.metric = std::move(metric), .num_images = maps.pairs.size()};
}

SegmentationRun run(const Options& options) {
  const std::string read[] = {options.run.model.weights, options.run.log.path, options.confusion};
  check_figures_output(options.figures, read);
  if (!runs_model(options.run, options.predictions)) return compare_maps(options);
  CHECK_AS(kUsage, !options.images.empty(), "no images: --images DIR");
  return segment_for_evaluation(options.run, options.figures.quiet, options.images, options.labels);
}

void write_confusion(const std::string& path, const SegmentationMetric& metric) {
  if (path.empty()) return;
  TextOutput file(path);
  for (std::size_t label = 0; label < metric.num_classes(); ++label) {
    std::string row;
    for (std::size_t prediction = 0; prediction < metric.num_classes(); ++prediction) {
      row += fmt::format("{}{}", prediction > 0 ? "," : "", metric.count(label, prediction));
    }
    file.write(row + "\n");
  }
  file.finish();
}

Json with_classes(Json facts, const SegmentationFigures& figures,
                  const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < figures.class_iou.size(); ++i) {
    Json row = {{"class_id", i}};
    if (i < names.size()) row["class"] = names[i];
    row["IoU"] = figures.class_iou[i];
    row["pixels"] = figures.labelled_pixels[i];
    facts["classes"].push_back(std::move(row));
  }
  return facts;
}

int evaluate(const Options& options) {
  SegmentationRun done = run(options);
  const SegmentationFigures figures = done.metric.figures();
  write_confusion(options.confusion, done.metric);
  done.facts["images"] = done.num_images;
  const Figure shown[] = {{"pixAcc", figures.pixel_accuracy}, {"mIoU", figures.mean_iou}};
  report_figures(options.figures, shown, with_classes(done.facts, figures, done.class_names));
  return done.exit_code;
}

}  // namespace

void add_ade20k_command(CLI::App& app, Work& chosen) {
  CLI::App& command = *app.add_subcommand(
      "ade20k", "Pixel accuracy and mean IoU of class maps, as GluonCV has them");
  const auto options = std::make_shared<Options>();
  add_options(command, *options);
  command.callback([options, &chosen] { chosen = [options] { return evaluate(*options); }; });
}

}  // namespace nestor
