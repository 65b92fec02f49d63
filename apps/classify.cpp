// nestor-classify: what is in these pictures?

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <optional>

#include "apps/common/classification_report.h"
#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "apps/common/inputs.h"
#include "apps/common/preprocess_options.h"
#include "apps/common/pretrained_options.h"
#include "apps/common/progress.h"
#include "apps/common/saved_tensors.h"
#include "apps/common/session_options.h"
#include "engine/atomic_file.h"
#include "engine/check.h"
#include "engine/weights/weight_file.h"
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
  std::optional<std::string> pretrained;  // which ones, or kAnyWeights
  PretrainedOptions pretrained_options;
  std::vector<std::string> images;
  std::string labels;
  int top_k = 5;
  std::size_t batch_size = 0;
  bool no_resize = false;
  ReportFormat format = ReportFormat::kText;
  std::string output;
  std::string save_outputs;
  std::vector<std::string> save_tensors;
  PreprocessOptions preprocess;
  DeviceOptions device;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--weights,--saved-params", options.weights,
                 "Weights that nestor-convert wrote (.safetensors)")
      ->type_name("FILE")
      ->group("Model");
  app.add_option_function<std::string>(
         "--pretrained", [&](const std::string& which) { options.pretrained = which; },
         "Official weights of --network, from the cache or downloaded into it. WHICH: gluoncv, "
         "resnest or timm, a tag (in1k), 8 digits of a hash, a name of `nestor-weights list`; "
         "default: GluonCV's, where there are some")
      ->type_name("[=WHICH]")
      ->excludes("--weights")
      ->group("Model");
  app.add_option("--network,--model", options.network,
                 "The network that the weights must be of, e.g. resnest50")
      ->type_name("NAME")
      ->group("Model");
  app.add_option("--labels", options.labels, "Class names, one a line (default: the model's)")
      ->type_name("FILE")
      ->group("Model");
  add_list_option(app, options.pretrained_options);
  add_download_options(app, options.pretrained_options);

  app.add_option("images,--input-pic", options.images,
                 "Image files, folders, 'quoted globs', @FILE with a name a line, - for one image "
                 "on standard input")
      ->required()
      ->type_name("IMAGE")
      ->group("Images");
  add_decode_options(app, options.preprocess);
  add_preprocess_options(app, options.preprocess);
  app.add_flag("--no-resize", options.no_resize,
               "Give pixels to the network as they are; all images must have one size")
      ->group("Images");

  add_device_options(app, options.device);
  app.add_option("--batch-size", options.batch_size,
                 "Images that run at once (default: all, at most 16)")
      ->check(CLI::Range(1, kMostImages))
      ->group("Running");

  app.add_option("--top-k", options.top_k, "Classes to report")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostClasses))
      ->group("Results");
  const std::map<std::string, ReportFormat> formats{{"text", ReportFormat::kText},
                                                    {"json", ReportFormat::kJson},
                                                    {"jsonl", ReportFormat::kJsonl},
                                                    {"csv", ReportFormat::kCsv}};
  app.add_option("--format", options.format, "text, json, jsonl or csv")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name("FORMAT")
      ->default_str("text")
      ->group("Results");
  app.add_option("--output", options.output,
                 "Write results to this file (default: standard output)")
      ->type_name("FILE")
      ->group("Results");
  CLI::Option* const save =
      app.add_option("--save-outputs", options.save_outputs,
                     "Write logits and --save-tensors of all good images, in their order, as "
                     "float32 safetensors")
          ->type_name("FILE")
          ->group("Results");
  app.add_option("--save-tensors", options.save_tensors,
                 "Intermediate tensors to save too: input,stem,layer1,layer1.attention,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES")
      ->needs(save)
      ->group("Results");
}

std::vector<std::byte> read_standard_input() {
  std::vector<std::byte> bytes;
  std::array<std::byte, 1 << 16> chunk;
  while (const std::size_t count = std::fread(chunk.data(), 1, chunk.size(), stdin)) {
    bytes.insert(bytes.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(count));
    CHECK_AS(kBadInput, bytes.size() <= kMaxStandardInputBytes, "-: more than {} bytes",
             kMaxStandardInputBytes);
  }
  CHECK_AS(kBadInput, std::ferror(stdin) == 0, "-: cannot read standard input");
  return bytes;
}

DecodedImage decode(const std::string& name, const DecodeOptions& options) {
  if (name == kStandardInput) return decode_image(read_standard_input(), name, options);
  const MappedFile file = MappedFile::open(name);
  return decode_image(file.bytes(), name, options);
}

// The images of the command line to rows of the report.
class Classification : public BatchTask {
 public:
  Classification(std::vector<std::string> names, const Options& options, const ModelInfo& info,
                 const Preprocess& preprocess, ClassificationReport& report, ProgressBar& progress)
      : names_(std::move(names)),
        options_(options),
        info_(info),
        preprocess_(preprocess),
        report_(report),
        progress_(progress) {}

  PreparedImage prepare(std::size_t idx) const override {
    const std::string& name = names_[idx];
    DecodedImage decoded = decode(name, decode_options(options_.preprocess, preprocess_.contract));
    PreparedImage prepared{.name = name,
                           .width = decoded.image.width,
                           .height = decoded.image.height,
                           .image = {},
                           .warnings = std::move(decoded.warnings)};
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
      fmt::print(stderr, "nestor-classify: warning: {}\n", warning);
    }
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
    if (!options_.save_outputs.empty()) saved_.add(outputs);
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
    progress_.advance(1);
  }

  std::size_t num_images() const { return names_.size(); }
  std::size_t num_good() const { return num_good_; }
  const SavedTensors& saved() const { return saved_; }

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
  ClassificationReport& report_;
  ProgressBar& progress_;

  int width_ = 0, height_ = 0;  // of the first good image
  std::size_t num_good_ = 0;
  std::map<std::size_t, std::vector<Prediction>> predictions_;  // not delivered yet
  SavedTensors saved_;
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
  const auto note = [](const std::string& line) {
    fmt::print(stderr, "nestor-classify: {}\n", line);
  };
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

int classify(const Options& options) {
  std::vector<std::string> names = expand_inputs(options.images);
  const std::string weights = weights_of(options);
  check_outputs(options, weights, names);
  LoadedModel loaded =
      load_model(weights, {.device = options.device.device, .network = options.network});
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
  ClassificationReport report(options.format, loaded.info, output);
  // Results that appear on the terminal show the progress themselves.
  const bool results_visible = options.output.empty() && ::isatty(STDOUT_FILENO) == 1;
  ProgressBar progress("classifying", results_visible ? 0 : names.size());
  Classification classification(std::move(names), options, loaded.info, preprocess, report,
                                progress);
  run_batches(session, classification.num_images(),
              {.batch_size = batch_size, .taps = options.save_tensors}, classification);
  print_warnings("nestor-classify", session);
  report.finish();
  const std::size_t num_good = classification.num_good();
  if (!options.save_outputs.empty() && num_good > 0) {
    classification.saved().write(options.save_outputs);
  }
  if (num_good == classification.num_images()) return 0;
  return num_good > 0 ? kSomeInputsFailed : exit_code(ErrorCode::kBadInput);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Classifies images with a ResNeSt or ResNet.\n\n"
      "  nestor-classify --network resnest50 --pretrained photo.jpg\n"
      "  nestor-classify --weights resnest50.safetensors photo.jpg\n"
      "  nestor-classify --weights resnest50.safetensors --format json photos/ 'more/*.png'\n",
      "nestor-classify");
  Options options;
  add_options(app, options);
  const std::vector<std::string_view> given(argv, argv + argc);
  std::vector<std::string> arguments = join_pretrained_value(given);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return run_command(app, static_cast<int>(pointers.size()), pointers.data(),
                     [&] { return classify(options); });
}
