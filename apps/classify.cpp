// nestor-classify: what is in these pictures?

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <iterator>
#include <optional>

#include "apps/common/classification_report.h"
#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "apps/common/image_loader.h"
#include "apps/common/inputs.h"
#include "apps/common/preprocess_options.h"
#include "apps/common/pretrained_options.h"
#include "apps/common/progress.h"
#include "apps/common/saved_tensors.h"
#include "apps/common/session_options.h"
#include "engine/atomic_file.h"
#include "engine/check.h"
#include "engine/image/picture_file.h"
#include "engine/printable_text.h"
#include "weights_convert/convert.h"
#include "weights_convert/pretrained/pull.h"
#include "weights_convert/pretrained/selection.h"

namespace {

using namespace nestor;

constexpr int kSomeInputsFailed = 6;
constexpr std::size_t kMaxDefaultBatch = 16;
constexpr int kMostImages = 65'536;  // in a batch
constexpr int kMostClasses = 1'000'000;
constexpr std::size_t kDecodersAhead = 4;  // threads that decode while a batch runs
constexpr std::size_t kMaxStandardInputBytes = std::size_t{1} << 30;

struct Options {
  std::string weights;
  std::string network;
  std::optional<std::string> pretrained;  // which ones, or kAnyWeights
  PretrainedOptions pretrained_options;
  std::vector<std::string> images;
  bool recursive = true;
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
  app.add_flag("!--no-recursive", options.recursive, "Leave out folders below those that are named")
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

DecodedImage decode(const std::string& name, const DecodeOptions& options) {
  if (name != kStandardInput) return decode_image_file(name, options);
  const PictureFile file =
      PictureFile::read_stream(STDIN_FILENO, name, kMaxStandardInputBytes, *options.memory);
  return decode_image(file.bytes(), name, options);
}

LoadedImage load_image(const std::string& name, const Options& options,
                       const DecodeOptions& decoding, const Preprocess& preprocess) {
  DecodedImage decoded = decode(name, decoding);
  LoadedImage loaded;
  loaded.width = decoded.image.width;
  loaded.height = decoded.image.height;
  loaded.orientation = decoded.orientation;
  loaded.warnings = std::move(decoded.warnings);
  if (!options.no_resize) {
    loaded.image = resize_and_crop(decoded.image, preprocess, name);
    return loaded;
  }
  const auto [shorter, longer] = std::minmax(loaded.width, loaded.height);
  CHECK_AS(kBadInput, shorter >= kSmallestInputSide && longer <= kLargestInputSide,
           "{}: {} x {} pixels, the network takes {} to {} a side (--no-resize)", name,
           loaded.width, loaded.height, kSmallestInputSide, kLargestInputSide);
  loaded.image = std::move(decoded.image);
  return loaded;
}

// Of one image. Memory that does not suffice for it may suffice for the others.
std::string message_of(const LoadedImage& loaded) {
  try {
    std::rethrow_exception(loaded.error);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kBadInput && e.code() != ErrorCode::kOutOfMemory) throw;
    return e.what();
  } catch (const std::bad_alloc&) {
    return loaded.name + ": not enough memory to prepare it";
  }
}

// Of photos that are to be seen otherwise than they are stored, and that nobody turned.
class OrientationWarning {
 public:
  void add(const LoadedImage& loaded) {
    if (loaded.orientation == 1) return;
    if (count_++ == 0) first_ = loaded.name;
  }

  void print() const {
    if (count_ == 0) return;
    const std::string others = count_ > 1 ? fmt::format(" and {} more", count_ - 1) : "";
    fmt::print(stderr,
               "nestor-classify: warning: {}{}: EXIF says that the photo is to be turned, which is "
               "not done, as in the frameworks; --orientation apply does it\n",
               printable(first_), others);
  }

 private:
  std::size_t count_ = 0;
  std::string first_;
};

// Images go in one by one; full batches are submitted, on a GPU while earlier ones run, and rows
// come out in the order of the images.
class Classification {
 public:
  Classification(const ModelInfo& info, const Options& options, Session& session,
                 ClassificationReport& report, std::size_t batch_size)
      : info_(info),
        options_(options),
        session_(session),
        report_(report),
        batch_size_(batch_size) {}

  void add(LoadedImage loaded) {
    ClassifiedImage row{.image = loaded.name,
                        .width = loaded.width,
                        .height = loaded.height,
                        .predictions = {},
                        .error = std::nullopt};
    if (loaded.error) {
      row.error = message_of(loaded);
    } else if (!batch_.empty() || num_good_ > 0) {
      row.error = size_error(loaded);
    }
    for (const std::string& warning : loaded.warnings) {
      fmt::print(stderr, "nestor-classify: warning: {}\n", warning);
    }
    if (!row.error) {
      height_ = loaded.image.height;
      width_ = loaded.image.width;
      batch_.push_back(std::move(loaded.image));
      ++num_good_;
    }
    rows_.push_back(std::move(row));
    if (batch_.size() == batch_size_) submit();
  }

  // Runs what is waiting and reports all.
  void finish() {
    submit();
    report_all();
  }

  std::size_t num_good() const { return num_good_; }
  const SavedTensors& saved() const { return saved_; }

 private:
  // The images of a batch and those that failed among them.
  struct Batch {
    std::vector<ClassifiedImage> rows;
    bool runs;  // it has good images
  };

  void submit() {
    const bool runs = !batch_.empty();
    if (runs) {
      while (session_.num_pending() == session_.num_slots()) report_oldest();
      try {
        session_.submit(input(), options_.save_tensors);
      } catch (const Error&) {
        report_all();  // what was good before is not lost
        throw;
      }
    }
    submitted_.push_back({std::move(rows_), runs});
    batch_.clear();
    rows_.clear();
    if (session_.num_slots() == 1) report_all();  // nothing would run meanwhile
  }

  void report_oldest() {
    Batch batch = std::move(submitted_.front());
    submitted_.pop_front();
    std::span<const Session::Output> outputs;
    if (batch.runs) {
      outputs = session_.collect();
      if (!options_.save_outputs.empty()) saved_.add(outputs);
    }
    std::size_t next = 0;
    for (ClassifiedImage& row : batch.rows) {
      if (!row.error) row.predictions = predictions(outputs, next++);
      report_.add(row);
    }
  }

  void report_all() {
    while (!submitted_.empty()) report_oldest();
  }

  std::optional<std::string> size_error(const LoadedImage& loaded) const {
    if (loaded.image.width == width_ && loaded.image.height == height_) return std::nullopt;
    return fmt::format("{}: {} x {} pixels, expected {} x {} as in the first image (--no-resize)",
                       loaded.name, loaded.image.width, loaded.image.height, width_, height_);
  }

  TensorView input() {
    input_.clear();
    for (const Image& image : batch_) {
      input_.insert(input_.end(), image.rgb.begin(), image.rgb.end());
    }
    return {{DType::kUInt8, {static_cast<std::int64_t>(batch_.size()), height_, width_, 3}},
            input_.data()};
  }

  std::vector<Prediction> predictions(std::span<const Session::Output> outputs,
                                      std::size_t idx) const {
    const auto num_classes = static_cast<std::size_t>(info_.num_classes);
    const float* const logits = outputs[0].tensor.as<float>() + idx * num_classes;
    return top_k({logits, num_classes}, info_.labels, options_.top_k);
  }

  const ModelInfo& info_;
  const Options& options_;
  Session& session_;
  ClassificationReport& report_;
  std::size_t batch_size_;

  std::vector<Image> batch_;
  std::vector<ClassifiedImage> rows_;  // since the last batch, failed ones included
  std::deque<Batch> submitted_;        // the oldest first
  std::vector<std::uint8_t> input_;    // [image][row][column][3]
  int width_ = 0, height_ = 0;
  std::size_t num_good_ = 0;
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
  Inputs inputs = expand_inputs(options.images, options.recursive);
  std::vector<std::string>& names = inputs.names;
  for (const std::string& note : inputs.notes) {
    fmt::print(stderr, "nestor-classify: {}\n", printable(note));
  }
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
  Classification classification(loaded.info, options, session, report, batch_size);
  // Results that appear on the terminal show the progress themselves.
  const bool results_visible = options.output.empty() && ::isatty(STDOUT_FILENO) == 1;
  ProgressBar progress("classifying", results_visible ? 0 : names.size());
  const DecodeOptions decoding = decode_options(options.preprocess, preprocess.contract);
  ImageLoader loader(
      std::move(names), batch_size + kDecodersAhead, kDecodersAhead,
      [&](const std::string& name) { return load_image(name, options, decoding, preprocess); });
  OrientationWarning turned;
  while (std::optional<LoadedImage> image = loader.next()) {
    if (!decoding.apply_orientation) turned.add(*image);
    classification.add(std::move(*image));
    progress.advance(1);
  }
  classification.finish();
  turned.print();
  print_warnings("nestor-classify", session);
  report.finish();
  const std::size_t num_good = classification.num_good();
  if (!options.save_outputs.empty() && num_good > 0) {
    classification.saved().write(options.save_outputs);
  }
  if (num_good == loader.size()) return 0;
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
