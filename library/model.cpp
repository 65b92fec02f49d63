// Weight files to models, with what their metadata say.

#include "engine/model.h"

#include <charconv>

#include "engine/backend.h"
#include "engine/check.h"
#include "engine/log.h"
#include "engine/printable_text.h"
#include "engine/weights/metadata.h"
#include "graphs/zoo.h"
#include "library/labels/labels.h"
#include "library/model_info.h"
#include "nestor/model.h"

namespace nestor {

namespace {

constexpr int kMaxClasses = 1'000'000;

int parse_num_classes(const WeightFile& weights) {
  const std::string text(metadata_value(weights.metadata(), kMetaNumClasses));
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  CHECK_AS(kBadModel, error == std::errc() && end == text.data() + text.size(),
           "{}: {} is {}, expected a number", weights.name(), kMetaNumClasses, quoted_name(text));
  CHECK_AS(kBadModel, count >= 1 && count <= kMaxClasses, "{}: {} classes, expected 1 to {}",
           weights.name(), count, kMaxClasses);
  return count;
}

// The names of the data set that the network's published weights were trained with, if the classes
// are as many.
std::vector<std::string> default_labels(Task task, int num_classes) {
  static const std::vector<std::string> imagenet = split_labels(kImagenetText);
  static const std::vector<std::string> coco = split_labels(kCocoText);
  static const std::vector<std::string> ade = split_labels(kAdeText);
  const auto count = static_cast<std::size_t>(num_classes);
  if (task == Task::kClassification && count == imagenet.size()) return imagenet;
  if (task == Task::kDetection && count == coco.size()) return coco;
  if (task == Task::kSegmentation && count == ade.size()) return ade;
  return {};
}

std::vector<std::string> parse_labels(const WeightFile& weights, Task task, int num_classes) {
  if (metadata_value(weights.metadata(), kMetaLabels).empty()) {
    return default_labels(task, num_classes);
  }
  std::optional labels = metadata_labels(weights.metadata(), num_classes);
  CHECK_AS(kBadModel, labels.has_value(), "{}: {} must be a JSON array of {} strings",
           weights.name(), kMetaLabels, num_classes);
  return *std::move(labels);
}

const Network& network_of(const WeightFile& weights) {
  const std::string name(metadata_value(weights.metadata(), kMetaNetwork));
  CHECK_AS(kBadModel, !name.empty(),
           "{}: not a Nestor model (no {} in its metadata); convert it with nestor-convert",
           weights.name(), kMetaNetwork);
  const Network* const network = find_network(name);
  CHECK_AS(kBadModel, network != nullptr, "{}: unknown network {} in {}", weights.name(),
           quoted_name(name), kMetaNetwork);
  return *network;
}

}  // namespace

ModelInfo read_model_info(const WeightFile& weights) {
  const Network& network = network_of(weights);
  ModelInfo info{.network = std::string(network.name),
                 .task = task(network),
                 .num_classes = parse_num_classes(weights),
                 .source = std::string(metadata_value(weights.metadata(), kMetaSource)),
                 .synthetic = says_synthetic(weights.metadata()),
                 .labels = {},
                 .preprocess = {},
                 .features = {}};
  if (const auto* const contract = std::get_if<Classification>(&network.contract)) {
    info.features = contract->features;
  }
  info.labels = parse_labels(weights, info.task, info.num_classes);
  const std::string preprocess(metadata_value(weights.metadata(), kMetaPreprocess));
  info.preprocess = preprocess.empty() ? evaluation_preprocess(network, info.source)
                                       : preprocess_from_json(preprocess, weights.name());
  return info;
}

Preprocess preprocess_for(const ModelInfo& info, PreprocessContract contract) {
  if (contract == info.preprocess.contract) return info.preprocess;
  // The other framework's way to decode, resize and crop; what the weights were trained with stays.
  Preprocess preprocess = evaluation_preprocess(*find_network(info.network), to_string(contract));
  preprocess.crop_size = info.preprocess.crop_size;
  preprocess.normalisation = info.preprocess.normalisation;
  return preprocess;
}

std::string device_name(const Model& model) { return std::string(model.backend().name()); }

std::string why_no_gpu(const Model& model) { return model.why_no_gpu(); }

std::vector<std::string> tap_names(const Model& model) { return model.tap_names(); }

std::int64_t num_features(const LoadedModel& loaded) {
  if (loaded.info.features.empty()) return 0;
  const Graph graph = loaded.model->graph(loaded.model->nominal_input());
  return graph.desc(graph.taps.at(loaded.info.features)).shape[1];
}

namespace {

void log_opening(const std::filesystem::path& path, const LoadedModel& loaded) {
  log(LogLevel::kInfo, "{}: {} on {}", path.string(), loaded.info.network,
      loaded.model->backend().name());
  const std::string& why = loaded.model->why_no_gpu();
  if (!why.empty()) log(LogLevel::kInfo, "on the CPU: {}", why);
  if (loaded.info.synthetic) {
    log(LogLevel::kWarning, "{} has synthetic weights: the answers are meaningless", path.string());
  }
}

}  // namespace

LoadedModel load_model(const std::filesystem::path& path, const LoadOptions& options) {
  CHECK_AS(kUsage, options.network.empty() || find_network(options.network) != nullptr, "{}",
           unknown_network(options.network));
  WeightFile weights = WeightFile::open(path);
  LoadedModel loaded{.info = read_model_info(weights), .model = nullptr};
  CHECK_AS(kBadModel, options.network.empty() || options.network == loaded.info.network,
           "{}: holds weights of {}, expected {}", weights.name(), loaded.info.network,
           options.network);
  const Network& network = *find_network(loaded.info.network);
  const NetworkOptions network_options{.num_classes = loaded.info.num_classes,
                                       .detection = options.detection};
  loaded.model = std::make_shared<const Model>(
      [&network, network_options](const Shape& input) {
        return build_graph(network, network_options, input);
      },
      nominal_input(network), std::move(weights), options.device);
  log_opening(path, loaded);
  return loaded;
}

}  // namespace nestor
