// nestor-classify: names what pictures show.

#include <map>
#include <utility>

#include "apps/common/classification_report.h"
#include "apps/common/image_options.h"
#include "apps/common/image_task.h"
#include "apps/common/model_command.h"
#include "apps/common/model_options.h"
#include "apps/common/opened_model.h"
#include "apps/common/result_options.h"
#include "apps/common/running_options.h"
#include "engine/check.h"

namespace {

using namespace nestor;

constexpr const char* kCommand = "nestor-classify";
constexpr int kMostClasses = 1'000'000;

struct Options {
  ModelOptions model;
  ImageOptions images;
  bool no_resize = false;
  RunningOptions running;
  int top_k = 5;
  ResultOptions results;
};

void add_options(CLI::App& app, Options& options) {
  add_model_options(app, options.model);
  add_image_options(app, options.images);
  add_preprocess_options(app, options.images.preprocess);
  app.add_flag("--no-resize", options.no_resize,
               "Feed images to the network as they are; all must have the same size")
      ->group("Images");
  add_running_options(app, options.running);
  app.add_option("--top-k,--topk", options.top_k, "Number of classes to report per image")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostClasses))
      ->group("Results");
  add_format_option(app, options.results,
                    {std::begin(kClassificationFormats), std::end(kClassificationFormats)});
  add_output_option(app, options.results);
  add_save_options(app, options.results, "logits");
  add_quiet_option(app, options.results);
}

// The images of the command line to rows of the report.
class Classification : public ImageTask {
 public:
  Classification(std::vector<std::string> names, const Options& options, const OpenedModel& model,
                 ClassificationReport& report, RunSummary& summary)
      : ImageTask(std::move(names), options.images.preprocess, model, summary),
        options_(options),
        info_(model.info()),
        report_(report) {}

  void admit(std::size_t idx, const PreparedImage& prepared) override {
    ImageTask::admit(idx, prepared);
    const Image& image = prepared.image;
    if (width_ == 0) {
      width_ = image.width;
      height_ = image.height;
    }
    CHECK_AS(kBadInput, image.width == width_ && image.height == height_,
             "{}: {} x {} pixels, expected {} x {} as in the first image (--no-resize)",
             prepared.name, image.width, image.height, width_, height_);
  }

  void finish_report() override { report_.finish(); }

 private:
  void compute_result(std::size_t idx, const PreparedImage&, const ImageOutputs& outputs) override {
    const TensorView logits = outputs.tensor(0);
    const auto num_classes = static_cast<std::size_t>(info_.num_classes);
    predictions_[idx] = top_k({logits.as<float>(), num_classes}, info_.labels, options_.top_k);
  }

  void report(std::size_t idx, const PreparedImage& prepared, const Error* error) override {
    ClassifiedImage row{.image = name(idx),
                        .width = prepared.width,
                        .height = prepared.height,
                        .predictions = {},
                        .error = std::nullopt};
    if (error != nullptr) {
      row.error = error->what();
    } else {
      row.predictions = std::move(predictions_.extract(idx).mapped());
    }
    report_.add(row);
  }

  const Options& options_;
  const ModelInfo& info_;
  ClassificationReport& report_;
  int width_ = 0, height_ = 0;                                  // of the first good image
  std::map<std::size_t, std::vector<Prediction>> predictions_;  // not reported yet
};

int classify(const Options& options) {
  std::vector<std::string> names = named_images(kCommand, options.images);
  const std::string file = model_file(kCommand, options.model);
  check_outputs(options.results, files_read(names, file, options.model));
  TextOutput output = open_results(kCommand, options.results, names);
  OpenedModel model = open_model(file, {.command = kCommand,
                                        .task = Task::kClassification,
                                        .model = options.model,
                                        .preprocess = options.images.preprocess,
                                        .device = options.running.device});
  if (options.no_resize) model.preprocess.rule = ResizeRule::kNone;
  const BatchOptions batches{.batch_size = batch_size_of(options.running, names.size()),
                             .taps = options.results.save_tensors};
  const auto report =
      classification_report(options.results.format, model.info(), run_facts(model), output);
  RunSummary summary(
      summary_options({.command = kCommand, .doing = "classifying", .done = "classified"},
                      options.results),
      names.size());
  Classification classification(std::move(names), options, model, *report, summary);
  return run_image_task(model, batches, options.results, classification);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Classify images with a ResNeSt, ResNet, SENet or EfficientNet.\n\n"
      "  nestor-classify --network resnest50 --pretrained photo.jpg\n"
      "  nestor-classify --weights resnest50.safetensors photo.jpg\n"
      "  nestor-classify --weights resnest50.safetensors --topk 1 photos/ 'more/*.png'\n",
      kCommand);
  Options options;
  add_options(app, options);
  return run_model_command(app, argc, argv, [&] { return classify(options); });
}
