#include "apps/bench/workload.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "apps/bench/machine_state.h"
#include "apps/bench/made_up_weights.h"
#include "engine/backend.h"
#include "engine/check.h"
#include "engine/session_internals.h"
#include "library/prepare_image.h"

namespace nestor::bench {

namespace {

BenchModel with_made_up_weights(const Network& network, const std::string& device) {
  BenchModel opened{.made_up = make_up_weights(parameters(network, {num_classes(network)}))};
  opened.info = {.network = std::string(network.name),
                 .task = task(network),
                 .num_classes = num_classes(network),
                 .preprocess = evaluation_preprocess(network, "")};
  const NetworkOptions options{num_classes(network)};
  opened.model = std::make_shared<const Model>(
      [&network, options](const Shape& input) { return build_graph(network, options, input); },
      nominal_input(network), WeightFile::parse(opened.made_up, "made-up weights"), device);
  return opened;
}

BenchModel from_file(const std::string& weights, const std::string& device) {
  LoadedModel loaded = load_model(weights, {.device = device});
  return {.made_up = {}, .info = std::move(loaded.info), .model = std::move(loaded.model)};
}

std::size_t weight_bytes(const Model& model, Precision precision) {
  std::size_t elements = 0;
  for (const WeightFile::Entry& entry : model.weights().file().entries()) {
    elements += static_cast<std::size_t>(entry.shape.num_elements());
  }
  const bool half = precision == Precision::kFp16 || precision == Precision::kBf16;
  return elements * (half ? 2 : 4);
}

}  // namespace

Size size_of(const Cell& cell, const BenchModel& opened) {
  if (cell.size.height > 0) return cell.size;
  if (opened.info.task == Task::kClassification) {  // fine-tuned models have sizes of their own
    return {opened.info.preprocess.crop_size, opened.info.preprocess.crop_size};
  }
  const Shape nominal = opened.model->nominal_input();
  return {static_cast<int>(nominal[2]), static_cast<int>(nominal[3])};
}

const BenchModel& Models::open(const Cell& cell) {
  const std::string& name = cell.weights.empty() ? cell.network : cell.weights;
  const auto key = std::pair(name, cell.device);
  const auto found = models_.find(key);
  if (found != models_.end()) return found->second;
  return models_
      .emplace(key, cell.weights.empty()
                        ? with_made_up_weights(*find_network(cell.network), cell.device)
                        : from_file(cell.weights, cell.device))
      .first->second;
}

Workload::Workload(const Cell& cell, const WorkloadOptions& options, const BenchModel& opened)
    : model_(opened.model) {
  const Size size = size_of(cell, opened);
  key_ = {.network = opened.info.network,
          .weights = std::filesystem::path(cell.weights).filename().string(),
          .batch = cell.batch,
          .height = size.height,
          .width = size.width,
          .streams = options.streams,
          .transfers = options.transfers,
          .input = options.photos.empty() ? "noise" : "photos",
          .without = cell.without};
  options.photos.empty() ? make_noise() : read_photos(options.photos, opened.info.preprocess);
  const DeviceOptions device{.device = cell.device,
                             .precision = cell.precision,
                             .threads = cell.threads,
                             .deterministic = options.deterministic,
                             .tuning = options.tuning,
                             .memory = options.memory};
  SessionOptions session = session_options(device, *model_);
  session.excluded_variants = cell.without;
  session.normalisation = opened.info.preprocess.normalisation;
  const Clocks clocks = system_clocks();
  for (int i = 0; i < options.streams; ++i) {
    const double start = clocks.now_ms();
    sessions_.emplace_back(model_, session);
    sessions_.back().run(input());
    if (i == 0) first_answer_ms_ = clocks.now_ms() - start;
  }
  key_.precision = to_string(sessions_[0].precision());
  key_.device = sessions_[0].device();
  key_.threads = key_.device == "cpu" ? sessions_[0].threads() : 0;
}

void Workload::make_noise() {
  desc_ = {DType::kFloat32, {key_.batch, 3, key_.height, key_.width}};
  noise_.resize(static_cast<std::size_t>(desc_.shape.num_elements()));
  std::mt19937 random(2);
  std::normal_distribution<float> values;
  for (float& value : noise_) value = values(random);
}

// The same photos again and again where there are fewer than images in the batch.
void Workload::read_photos(const std::vector<std::string>& photos, Preprocess preprocess) {
  CHECK_AS(kUsage, preprocess.rule == ResizeRule::kCrop && key_.height == key_.width,
           "photos are cropped to squares: {} at {} x {} gets noise only", key_.network,
           key_.height, key_.width);
  preprocess.crop_size = key_.height;
  desc_ = {DType::kUInt8, {key_.batch, key_.height, key_.width, 3}};
  for (int i = 0; i < key_.batch; ++i) {
    const auto idx = static_cast<std::size_t>(i) % photos.size();
    const PreparedImage photo = prepare_image(std::filesystem::path(photos[idx]), idx, preprocess,
                                              DecodeOptions{}.max_pixels);
    images_.insert(images_.end(), photo.image.rgb.begin(), photo.image.rgb.end());
  }
}

void Workload::read_values(const std::string& file) {
  CHECK_AS(kUsage, !noise_.empty(), "the input is photos: values cannot replace it");
  std::ifstream stream(file, std::ios::binary);
  stream.read(reinterpret_cast<char*>(noise_.data()),
              static_cast<std::streamsize>(noise_.size() * sizeof(float)));
  CHECK_AS(kBadInput, stream.good(), "{}: fewer than {} float32 values", file, noise_.size());
}

TensorView Workload::input() const {
  return {desc_, noise_.empty() ? static_cast<const void*>(images_.data()) : noise_.data()};
}

const Plan& Workload::plan() { return SessionInternals::plan(session(), desc_); }

Row Workload::row() {
  const Plan& plan = this->plan();
  Row row{.key = key_,
          .first_answer_ms = first_answer_ms_,
          .arena_bytes = plan.arena_bytes * sessions_.size(),
          .weight_bytes = weight_bytes(*model_, session().precision()),
          .process_bytes = peak_process_bytes(),
          .load = load_average()};
  if (plan.gpu) row.floor_ms = plan.gpu->floor_us * 1e-3;
  return row;
}

Streams Workload::streams() {
  Streams streams;
  for (Session& session : sessions_) {
    streams.emplace_back([this, &session] { return SessionInternals::time_run(session, input()); });
  }
  return streams;
}

}  // namespace nestor::bench
