// nestor-eval coco and voc: detections against objects that people marked.

#include <memory>

#include "apps/evaluation/coco_metric.h"
#include "apps/evaluation/commands.h"
#include "apps/evaluation/figures_report.h"
#include "apps/evaluation/voc_metric.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string annotations;
  std::string predictions;
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
                  "writes them")
      ->type_name("FILE")
      ->required()
      ->group("Data");
}

// The objects and the detections of a run.
struct Data {
  explicit Data(const Options& options)
      : annotations(read_coco_annotations(options.annotations)),
        detections(read_coco_detections(options.predictions, annotations)) {}

  Json counts() const {
    return {{"images", annotations.images.size()},
            {"objects", annotations.objects.size()},
            {"detections", detections.size()}};
  }

  CocoAnnotations annotations;
  std::vector<CocoDetection> detections;
};

void check_output(const Options& options) {
  const std::string read[] = {options.annotations, options.predictions};
  check_figures_output(options.figures, read);
}

int evaluate_by_coco(const Options& options) {
  check_output(options);
  const Data data(options);
  const CocoResult result = evaluate_coco(data.annotations, data.detections);
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < kCocoFigures.size(); ++i) {
    figures.push_back({std::string(kCocoFigures[i]), result.figures[i]});
  }
  Json facts = data.counts();
  for (std::size_t i = 0; i < result.categories.size(); ++i) {
    const CocoCategoryResult& category = result.categories[i];
    facts["classes"].push_back({{"category_id", category.category_id},
                                {"class", data.annotations.categories[i].name},
                                {"AP", category.ap},
                                {"AP50", category.ap50}});
  }
  report_figures(options.figures, figures, facts);
  return 0;
}

int evaluate_by_voc(const Options& options) {
  check_output(options);
  const Data data(options);
  const VocResult result = evaluate_voc(data.annotations, data.detections, options.least_overlap);
  const Figure figures[] = {{"mAP", result.ap}, {"mAP07", result.ap07}};
  Json facts = data.counts();
  facts["iou"] = options.least_overlap;
  for (std::size_t i = 0; i < result.categories.size(); ++i) {
    const VocCategoryResult& category = result.categories[i];
    facts["classes"].push_back({{"category_id", category.category_id},
                                {"class", data.annotations.categories[i].name},
                                {"AP", category.ap},
                                {"AP07", category.ap07}});
  }
  report_figures(options.figures, figures, facts);
  return 0;
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
