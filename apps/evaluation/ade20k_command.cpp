// nestor-eval ade20k: class maps against the labels of pixels.

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

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kCommand = "nestor-eval";
constexpr int kMostClasses = 255;  // a label is 8 bits, and 0 is none

struct Options {
  std::string predictions;
  std::string labels;
  int num_classes = 150;
  std::string confusion;
  FiguresOptions figures;
};

void add_options(CLI::App& command, Options& options) {
  command
      .add_option("--labels", options.labels,
                  "Folder of label files as ADE20K ships them: PNG, 0 for pixels without a label, "
                  "else class + 1")
      ->type_name("DIR")
      ->required()
      ->group("Data");
  command
      .add_option(
          "--predictions", options.predictions,
          "Folder of class maps: PNG of the same names, one class a pixel, as nestor-segment "
          "writes them")
      ->type_name("DIR")
      ->required()
      ->group("Data");
  command.add_option("--num-classes", options.num_classes, "Number of classes")
      ->check(CLI::Range(1, kMostClasses))
      ->capture_default_str()
      ->group("Data");
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

SegmentationMetric count_pixels(const Options& options, const std::vector<ClassMapPair>& pairs) {
  SegmentationMetric metric(options.num_classes);
  ProgressBar bar("comparing", options.figures.quiet ? 0 : pairs.size());
  for (const ClassMapPair& pair : pairs) {
    metric.add(read_class_map(pair.prediction), pair.prediction, read_class_map(pair.label),
               pair.label);
    bar.advance(1);
  }
  return metric;
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

Json facts_of(const SegmentationFigures& figures, std::size_t num_images) {
  Json facts = {{"images", num_images}};
  for (std::size_t i = 0; i < figures.class_iou.size(); ++i) {
    facts["classes"].push_back(
        {{"class_id", i}, {"IoU", figures.class_iou[i]}, {"pixels", figures.labelled_pixels[i]}});
  }
  return facts;
}

int evaluate(const Options& options) {
  const ClassMapPairs maps = match_class_maps(options.predictions, options.labels);
  warn_of(maps.without_labels);
  const SegmentationMetric metric = count_pixels(options, maps.pairs);
  const SegmentationFigures figures = metric.figures();
  write_confusion(options.confusion, metric);
  const Figure shown[] = {{"pixAcc", figures.pixel_accuracy}, {"mIoU", figures.mean_iou}};
  report_figures(options.figures, shown, facts_of(figures, maps.pairs.size()));
  return 0;
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
