// nestor-eval coco and voc: detections, of a file or of a model, against objects that people marked.

#include <memory>

#include "apps/evaluation/coco_metric.h"
#include "apps/evaluation/commands.h"
#include "apps/evaluation/detection_run.h"
#include "apps/evaluation/figures_report.h"
#include "apps/evaluation/voc_metric.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string annotations;
  std::string predictions;
  DetectionRunOptions run;
  double least_overlap = 0.5;
  FiguresOptions figures;
};

void add_file_options(CLI::App& command, Options& options) {
  command
      .add_option("--annotations", options.annotations,
                  "Objects in the images, in COCO's format (instances_val2017.json)")
      ->type_name("FILE")
      ->required()
      ->group("Data");
  command
      .add_option("--predictions", options.predictions,
                  "Detections, in the format of COCO's results, as nestor-detect --format coco "
                  "writes them; or else --weights and --images")
      ->type_name("FILE")
      ->group("Data");
  add_detection_run_options(command, options.run);
}

// The objects and the detections of an evaluation.
struct Data {
  CocoAnnotations annotations;
  DetectionRun run;
};

Data read_data(const Options& options) {
  const std::string read[] = {options.annotations, options.predictions,
                              options.run.model.model.weights, options.run.model.log.path};
  check_figures_output(options.figures, read);
  const bool with_model = runs_model(options.run.model, options.predictions);
  Data data{.annotations = read_coco_annotations(options.annotations), .run = {}};
  if (with_model) {
    data.run = detect_for_evaluation(options.run, options.figures.quiet, data.annotations,
                                     options.annotations);
  } else {
    data.run.detections = read_coco_detections(options.predictions, data.annotations);
  }
  data.run.facts["images"] = data.annotations.images.size();
  data.run.facts["objects"] = data.annotations.objects.size();
  data.run.facts["detections"] = data.run.detections.size();
  return data;
}

int evaluate_by_coco(const Options& options) {
  const Data data = read_data(options);
  const CocoResult result = evaluate_coco(data.annotations, data.run.detections);
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < kCocoFigures.size(); ++i) {
    figures.push_back({std::string(kCocoFigures[i]), result.figures[i]});
  }
  Json facts = data.run.facts;
  for (std::size_t i = 0; i < result.categories.size(); ++i) {
    const CocoCategoryResult& category = result.categories[i];
    facts["classes"].push_back({{"category_id", category.category_id},
                                {"class", data.annotations.categories[i].name},
                                {"AP", category.ap},
                                {"AP50", category.ap50}});
  }
  report_figures(options.figures, figures, facts);
  return data.run.exit_code;
}

int evaluate_by_voc(const Options& options) {
  const Data data = read_data(options);
  const VocResult result =
      evaluate_voc(data.annotations, data.run.detections, options.least_overlap);
  const Figure figures[] = {{"mAP", result.ap}, {"mAP07", result.ap07}};
  Json facts = data.run.facts;
  facts["iou"] = options.least_overlap;
  for (std::size_t i = 0; i < result.categories.size(); ++i) {
    const VocCategoryResult& category = result.categories[i];
    facts["classes"].push_back({{"category_id", category.category_id},
                                {"class", data.annotations.categories[i].name},
                                {"AP", category.ap},
                                {"AP07", category.ap07}});
  }
  report_figures(options.figures, figures, facts);
  return data.run.exit_code;
}

}  // namespace

void add_coco_command(CLI::App& app, Work& chosen) {
  CLI::App& command = *app.add_subcommand(
      "coco",
      "Average precision and recall of detections by COCO's rules, as pycocotools has them");
  const auto options = std::make_shared<Options>();
  add_file_options(command, *options);
  add_figures_options(command, options->figures);
  command.callback(
      [options, &chosen] { chosen = [options] { return evaluate_by_coco(*options); }; });
}

void add_voc_command(CLI::App& app, Work& chosen) {
  CLI::App& command = *app.add_subcommand(
      "voc", "Mean average precision of detections by PASCAL VOC's rules of 2007 and of 2010");
  const auto options = std::make_shared<Options>();
  add_file_options(command, *options);
  command
      .add_option("--iou", options->least_overlap,
                  "Take a detection for the object that it overlaps by at least this much")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str()
      ->group("Data");
  add_figures_options(command, options->figures);
  command.callback(
      [options, &chosen] { chosen = [options] { return evaluate_by_voc(*options); }; });
}

}  // namespace nestor
