// nestor-classify: names what pictures show.

#include <fmt/core.h>
#include <unistd.h>

#include <map>
#include <optional>

#include "apps/common/choices.h"
#include "apps/common/classification_report.h"
#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "apps/common/environment.h"
#include "apps/common/inputs.h"
#include "apps/common/messages.h"
#include "apps/common/preprocess_options.h"
#include "apps/common/pretrained_options.h"
#include "apps/common/run_summary.h"
#include "apps/common/saved_tensors.h"
#include "apps/common/session_options.h"
#include "apps/common/standard_streams.h"
#include "engine/atomic_file.h"
#include "engine/check.h"
#include "engine/printable_text.h"
#include "library/batch_runner.h"
#include "weights_convert/convert.h"
#include "weights_convert/pretrained/pull.h"
#include "weights_convert/pretrained/selection.h"

namespace {

using namespace nestor;

constexpr int kSomeInputsFailed = 6;
constexpr std::size_t kMaxDefaultBatch = 16;
constexpr int kMostImages = 65'536;  // in a batch
constexpr int kMostClasses = 1'000'000;
constexpr std::size_t kMaxStandardInputBytes = std::size_t{1} << 30;

struct Options {
  std::string weights;
  std::string network;
  std::optional<std::string> pretrained;  // which of the official weights, or kAnyWeights
  PretrainedOptions pretrained_options;
  std::vector<std::string> images;
  bool recursive = true;
  std::string labels;
  int top_k = 5;
  std::size_t batch_size = 0;
  bool no_resize = false;
  bool quiet = false;
  ReportFormat format = ReportFormat::kText;
  std::string output;
  std::string save_outputs;
  std::vector<std::string> save_tensors;
  PreprocessOptions preprocess;
  DeviceOptions device;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--weights,--saved-params,--checkpoint", options.weights,
                 "Model file written by nestor-convert (.safetensors)")
      ->type_name("FILE")
      ->group("Model");
  app.add_option_function<std::string>(
         "--pretrained", [&](const std::string& which) { options.pretrained = which; },
         "Use official weights of --network; download them if they are not in the cache. WHICH is "
         "gluoncv, resnest or timm, a tag (in1k), 8 digits of a hash, or a name that "
         "`nestor-weights list` shows; without it, the first in that list")
      ->type_name("[=WHICH]")
      ->excludes("--weights")
      ->group("Model");
  app.add_option("-m,--network,--model", options.network,
                 "Network of --pretrained, or the one that --weights must hold, e.g. resnest50")
      ->type_name("NAME")
      ->group("Model");
  app.add_option("--labels", options.labels,
                 "Text file with one class name per line (default: the model's)")
      ->type_name("FILE")
      ->group("Model");
  add_list_option(app, options.pretrained_options);
  add_download_options(app, options.pretrained_options);

  app.add_option(
         "images,--input,--input-pic", options.images,
         "Image files, folders, quoted globs (with * or ?), @FILE (one path per line), or - for "
         "standard input")
      ->type_name("IMAGE")
      ->group("Images");
  app.add_flag_callback(
         "--no-recursive", [&] { options.recursive = false; },
         "Leave out folders below those that are named")
      ->group("Images");
  add_decode_options(app, options.preprocess);
  add_preprocess_options(app, options.preprocess);
  app.add_flag("--no-resize", options.no_resize,
               "Feed images to the network as they are; all must have the same size")
      ->group("Images");

  add_device_options(app, options.device);
  app.add_option("-b,--batch-size", options.batch_size,
                 "Images per batch (default: all, at most 16)")
      ->check(CLI::Range(1, kMostImages))
      ->group("Running");

  app.add_option("--top-k,--topk", options.top_k, "Number of classes to report per image")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostClasses))
      ->group("Results");
  const std::map<std::string, ReportFormat> formats{{"text", ReportFormat::kText},
                                                    {"json", ReportFormat::kJson},
                                                    {"jsonl", ReportFormat::kJsonl},
                                                    {"csv", ReportFormat::kCsv}};
  app.add_option_function<std::string>(
         "--format,--results-format",
         [&options, formats](const std::string& name) { options.format = formats.at(name); },
         "Format of the results: text, json, jsonl or csv")
      ->check(one_of({"text", "json", "jsonl", "csv"}))
      ->type_name("FORMAT")
      ->default_str("text")
      ->group("Results");
  app.add_option("-o,--output,--results-file", options.output,
                 "Write the results to this file (default: standard output)")
      ->type_name("FILE")
      ->group("Results");
  CLI::Option* const save =
      app.add_option("--save-outputs", options.save_outputs,
                     "Write the logits and --save-tensors of all images that succeeded, in order, "
                     "as float32 safetensors with the images' names in the metadata")
          ->type_name("FILE")
          ->group("Results");
  app.add_option("--save-tensors", options.save_tensors,
                 "Save these intermediate tensors as well: input,stem,layer1,layer1.attention,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES")
      ->needs(save)
      ->group("Results");
  app.add_flag("-q,--quiet", options.quiet,
               "Print no progress and no summary, only results, errors and warnings")
      ->group("Results");
}

DecodedImage decode(const std::string& name, const DecodeOptions& options) {
  if (name == kStandardInput) {
    return decode_image(StandardInput(kMaxStandardInputBytes).bytes(), name, options);
  }
  return decode_image_file(name, options);
}

// Of photos that are to be seen otherwise than they are stored, and that nobody turned.
class TurnedPhotos {
 public:
  void add(const PreparedImage& prepared) {
    if (prepared.orientation == 1) return;
    if (count_++ == 0) first_ = prepared.name;
  }

  void warn(RunSummary& summary) const {
    if (count_ == 0) return;
    const std::string others = count_ > 1 ? fmt::format(" and {} more", count_ - 1) : "";
    summary.warn(
        fmt::format("{}{}: EXIF says that the photo is to be turned, which is not done, as "
                    "in the frameworks; --orientation apply does it",
                    first_, others));
  }

 private:
  std::size_t count_ = 0;
  std::string first_;
};

// The images of the command line to rows of the report.
class Classification : public BatchTask {
 public:
  Classification(std::vector<std::string> names, const Options& options, const ModelInfo& info,
                 const Preprocess& preprocess, ClassificationReport& report, RunSummary& summary)
      : names_(std::move(names)),
        options_(options),
        info_(info),
        preprocess_(preprocess),
        decoding_(decode_options(options.preprocess, preprocess.contract)),
        report_(report),
        summary_(summary) {}

  PreparedImage prepare(std::size_t idx) const override {
    const std::string& name = names_[idx];
    DecodedImage decoded = decode(name, decoding_);
    PreparedImage prepared{.name = name,
                           .width = decoded.image.width,
                           .height = decoded.image.height,
                           .image = {},
                           .warnings = std::move(decoded.warnings),
                           .orientation = decoded.orientation};
    if (options_.no_resize) {
      check_size(prepared);
      prepared.image = std::move(decoded.image);
    } else {
      prepared.image = resize_and_crop(decoded.image, preprocess_, name);
    }
    return prepared;
  }

  void admit(std::size_t, const PreparedImage& prepared) override {
    for (const std::string& warning : prepared.warnings) {
      summary_.warn(warning);
    }
    if (!decoding_.apply_orientation) turned_.add(prepared);
    const Image& image = prepared.image;
    if (num_good_ == 0) {
      width_ = image.width;
      height_ = image.height;
    }
    CHECK_AS(kBadInput, image.width == width_ && image.height == height_,
             "{}: {} x {} pixels, expected {} x {} as in the first image (--no-resize)",
             prepared.name, image.width, image.height, width_, height_);
    ++num_good_;
  }

  void finish(std::size_t idx, const PreparedImage&, const ImageOutputs& outputs) override {
    const TensorView logits = outputs.tensor(0);
    const auto num_classes = static_cast<std::size_t>(info_.num_classes);
    predictions_[idx] = top_k({logits.as<float>(), num_classes}, info_.labels, options_.top_k);
    if (options_.save_outputs.empty()) return;
    saved_.add(outputs);
    saved_images_.push_back(names_[idx]);
  }

  void deliver(std::size_t idx, const PreparedImage& prepared, const Error* error) override {
    ClassifiedImage row{.image = names_[idx],
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
    summary_.add(row.error);
  }

  std::size_t num_images() const { return names_.size(); }
  void warn_of_turned_photos() const { turned_.warn(summary_); }
  const SavedTensors& saved() const { return saved_; }
  const std::vector<std::string>& saved_images() const { return saved_images_; }

 private:
  static void check_size(const PreparedImage& image) {
    const auto [shorter, longer] = std::minmax(image.width, image.height);
    CHECK_AS(kBadInput, shorter >= kSmallestInputSide && longer <= kLargestInputSide,
             "{}: {} x {} pixels, the network takes {} to {} a side (--no-resize)", image.name,
             image.width, image.height, kSmallestInputSide, kLargestInputSide);
  }

  const std::vector<std::string> names_;
  const Options& options_;
  const ModelInfo& info_;
  const Preprocess& preprocess_;
  const DecodeOptions decoding_;
  ClassificationReport& report_;
  RunSummary& summary_;

  int width_ = 0, height_ = 0;  // of the first good image
  std::size_t num_good_ = 0;
  TurnedPhotos turned_;
  std::map<std::size_t, std::vector<Prediction>> predictions_;  // not delivered yet
  SavedTensors saved_;
  std::vector<std::string> saved_images_;  // one per row of saved_
};

// The model that --weights or --pretrained names.
std::string weights_of(const Options& options) {
  if (!options.pretrained) {
    CHECK_AS(kUsage, !options.weights.empty(),
             "no weights: --weights FILE, or --network NAME --pretrained for the official ones");
    return options.weights;
  }
  const std::vector<OfficialFile> files = pretrained_files(options.pretrained_options);
  const OfficialFile& file = select_for_network(files, options.network, *options.pretrained);
  const auto note = [](const std::string& line) { print_message("nestor-classify", line); };
  return pull_model(file, WeightCache(), options.pretrained_options, note).string();
}

// What would cost all results if it showed only at the end.
void check_outputs(const Options& options, const std::string& weights,
                   std::vector<std::string> inputs) {
  inputs.push_back(weights);
  if (!options.labels.empty()) inputs.push_back(options.labels);
  require_distinct("--save-outputs", options.save_outputs, inputs);
  if (!options.save_outputs.empty()) {
    const AtomicFile can_be_written(options.save_outputs);
    inputs.push_back(options.save_outputs);
  }
  require_distinct("--output", options.output, inputs);
}

RunFacts run_facts(const std::string& weights, const Session& session,
                   const Preprocess& preprocess) {
  return {.model = weights,
          .device = std::string(session.device()),
          .precision = std::string(to_string(session.precision())),
          .preprocess = preprocess};
}

RunSummary::Options summary_options(const Options& options) {
  const bool visible = options.output.empty() && ::isatty(STDOUT_FILENO) == 1;
  return {.command = "nestor-classify",
          .doing = "classifying",
          .done = "classified",
          .quiet = options.quiet,
          .results_visible = visible,
          .errors_visible = visible && ::isatty(STDERR_FILENO) == 1};
}

int classify(const Options& options) {
  CHECK_AS(kUsage, !options.images.empty(), "no images: name files, folders or quoted globs");
  Inputs inputs = expand_inputs(options.images, options.recursive);
  std::vector<std::string>& names = inputs.names;
  for (const std::string& note : inputs.notes) {
    fmt::print(stderr, "nestor-classify: {}\n", printable(note));
  }
  const std::string weights = weights_of(options);
  check_outputs(options, weights, names);
  LoadedModel loaded = load_model(
      weights, {.device = options.device.device, .network = network_called(options.network)});
  if (!options.labels.empty()) {
    loaded.info.labels = read_labels(options.labels, loaded.info.num_classes);
  }
  warn_if_synthetic("nestor-classify", weights, loaded.info);
  const Preprocess preprocess = preprocess_with(options.preprocess, loaded.info);
  SessionOptions session_settings = session_options(options.device, *loaded.model);
  session_settings.normalisation = preprocess.normalisation;
  Session session(loaded.model, session_settings);

  const std::size_t batch_size =
      options.batch_size > 0 ? options.batch_size : std::min(names.size(), kMaxDefaultBatch);
  TextOutput output(options.output);
  const RunFacts facts = run_facts(weights, session, preprocess);
  ClassificationReport report(options.format, loaded.info, facts, output);
  RunSummary summary(summary_options(options), names.size());
  Classification classification(std::move(names), options, loaded.info, preprocess, report,
                                summary);
  run_batches(session, classification.num_images(),
              {.batch_size = batch_size, .taps = options.save_tensors}, classification);
  classification.warn_of_turned_photos();
  print_warnings("nestor-classify", session);
  report.finish();
  const std::size_t num_good = summary.num_good();
  if (!options.save_outputs.empty() && num_good > 0) {
    classification.saved().write(options.save_outputs, classification.saved_images());
  }
  const std::string why_no_gpu = nestor::why_no_gpu(*loaded.model);
  summary.finish(facts.device, why_no_gpu.empty() ? "" : "no GPU: " + why_no_gpu);
  if (num_good == classification.num_images()) return 0;
  return num_good > 0 ? kSomeInputsFailed : exit_code(ErrorCode::kBadInput);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Classify images with a ResNeSt, ResNet, SENet or EfficientNet.\n\n"
      "  nestor-classify --network resnest50 --pretrained photo.jpg\n"
      "  nestor-classify --weights resnest50.safetensors photo.jpg\n"
      "  nestor-classify --weights resnest50.safetensors --topk 1 photos/ 'more/*.png'\n",
      "nestor-classify");
  Options options;
  add_options(app, options);
  const std::vector<std::string_view> given(argv, argv + argc);
  std::vector<std::string> arguments = join_pretrained_value(given);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return run_command(
      app, static_cast<int>(pointers.size()), pointers.data(), [&] { return classify(options); },
      joined({kDeviceEnvironment, kCacheEnvironment, kWeightsEnvironment}));
}
