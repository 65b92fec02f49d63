#include "apps/python/engine.h"

#include "apps/python/answers.h"
#include "apps/python/device_arrays.h"
#include "apps/python/sources.h"
#include "apps/python/text.h"

namespace nestor::python {

namespace nb = nanobind;

namespace {

LoadedModel load(const nb::str& path, const EngineOptions& options) {
  const std::filesystem::path file = path_of(path);
  const nb::gil_scoped_release released;
  return load_model(
      file, {.device = options.device, .network = options.network, .detection = options.detection});
}

Runner runner(const LoadedModel& model, const EngineOptions& options) {
  SessionOptions settings{
      .threads = options.threads, .deterministic = options.deterministic, .tuning = options.tuning};
  settings.host_memory_limit = options.host_memory_limit;
  settings.device_memory_limit = options.device_memory_limit;
  if (options.precision) settings.precision = parse_precision(*options.precision);
  switch (model.info.task) {
    case Task::kClassification: return Classifier(model, std::move(settings));
    case Task::kDetection: return Detector(model, std::move(settings));
    case Task::kSegmentation: return Segmenter(model, std::move(settings));
  }
  throw Error(ErrorCode::kInternal, "a task that the module does not know");
}

Image decode(const ImageSource& source, const std::string& name, const Preprocess& preprocess) {
  const DecodeOptions options{.convention = decoder_convention(preprocess.contract)};
  if (const auto* const path = std::get_if<std::filesystem::path>(&source)) {
    return decode_image_file(path->string(), options).image;
  }
  if (const auto* const bytes = std::get_if<std::span<const std::byte>>(&source)) {
    return decode_image(*bytes, name, options).image;
  }
  return *std::get<const Image*>(source);
}

Image prepare(const ImageSource& source, std::size_t idx, const Preprocess& preprocess) {
  const std::string name = "image " + std::to_string(idx);
  return resize_and_crop(decode(source, name, preprocess), preprocess, name);
}

void require_size(const Image& image, std::size_t idx, std::int64_t height, std::int64_t width) {
  if (image.height == height && image.width == width) return;
  throw Error(ErrorCode::kBadInput,
              "image " + std::to_string(idx) + ": " + std::to_string(image.width) + " x " +
                  std::to_string(image.height) + " pixels, expected " + std::to_string(width) +
                  " x " + std::to_string(height) + " as in the first image");
}

OwnedTensor normalised(std::span<const ImageSource> sources, const Preprocess& preprocess) {
  if (sources.empty()) {
    return OwnedTensor({DType::kFloat32, {0, 3, preprocess.crop_size, preprocess.crop_size}});
  }
  std::optional<OwnedTensor> batch;
  for (std::size_t idx = 0; idx < sources.size(); ++idx) {
    const Image image = prepare(sources[idx], idx, preprocess);
    const auto n = static_cast<std::int64_t>(sources.size());
    if (!batch) batch.emplace(TensorDesc{DType::kFloat32, {n, 3, image.height, image.width}});
    require_size(image, idx, batch->desc.shape[2], batch->desc.shape[3]);
    normalise(image, preprocess.normalisation, batch->as<float>() + idx * image.rgb.size());
  }
  return std::move(*batch);
}

}  // namespace

Engine::Engine(const nb::str& path, const EngineOptions& options)
    : model_(load(path, options)), runner_(runner(model_, options)) {}

Session& Engine::session() {
  return std::visit([](auto& runner) -> Session& { return runner.session(); }, runner_);
}

const Session& Engine::session() const { return const_cast<Engine*>(this)->session(); }

template <class T>
T& Engine::require(Task task) {
  if (auto* const runner = std::get_if<T>(&runner_)) return *runner;
  throw Error(ErrorCode::kUnsupported, info().network + " is a network for " +
                                           std::string(to_string(info().task)) + ", expected " +
                                           std::string(to_string(task)));
}

std::string Engine::precision() const { return std::string(to_string(session().precision())); }

std::vector<std::string> Engine::warnings() const {
  const auto warnings = session().warnings();
  return {warnings.begin(), warnings.end()};
}

nb::list Engine::classify(const nb::list& images, int k, const Batching& batching) {
  auto& classifier = require<Classifier>(Task::kClassification);
  const ImageSources sources(images);
  return answers(alone([&] { return classifier.classify_each(sources.get(), k, batching); }));
}

nb::tuple Engine::embed(const nb::list& images, const Batching& batching) {
  auto& classifier = require<Classifier>(Task::kClassification);
  const ImageSources sources(images);
  return answer(alone([&] { return classifier.embed_each(sources.get(), batching); }),
                num_features());
}

nb::list Engine::detect(const nb::list& images, const Batching& batching) {
  auto& detector = require<Detector>(Task::kDetection);
  const ImageSources sources(images);
  return answers(alone([&] { return detector.detect_each(sources.get(), batching); }));
}

nb::list Engine::segment(const nb::list& images, const Batching& batching) {
  auto& segmenter = require<Segmenter>(Task::kSegmentation);
  const ImageSources sources(images);
  return answers(alone([&] { return segmenter.segment_each(sources.get(), batching); }));
}

nb::object Engine::preprocess(const nb::list& images) const {
  const ImageSources sources(images);
  std::optional<OwnedTensor> batch;
  {
    const nb::gil_scoped_release released;
    batch = normalised(sources.get(), info().preprocess);
  }
  return to_numpy(std::move(*batch));
}

nb::dict Engine::run(const InputArray& input, const std::vector<std::string>& taps) {
  require_host(input);
  const TensorView tensor = view(input);
  auto outputs = alone([&] {
    std::vector<std::pair<std::string, OwnedTensor>> copies;
    for (const Session::Output& output : session().run(tensor, taps)) {
      copies.emplace_back(output.name, copy_of(output.tensor));
    }
    return copies;
  });
  nb::dict dict;
  for (auto& [name, output] : outputs) dict[python::to_python(name)] = to_numpy(std::move(output));
  return dict;
}

void Engine::enqueue(const InputArray& input, const nb::dict& outputs, std::uintptr_t stream) {
  require_device(input, session().device());
  const TensorView tensor = view(input);
  const DeviceOutputs buffers(outputs, session(), tensor.desc);
  alone([&] {
    session().enqueue(tensor, buffers.get(), reinterpret_cast<void*>(stream), buffers.taps());
  });
}

std::string Engine::plan(const std::vector<std::int64_t>& shape, const std::string& dtype) {
  const TensorDesc input{dtype == "uint8" ? DType::kUInt8 : DType::kFloat32, Shape(shape)};
  return alone([&] { return session().plan_json(input); });
}

}  // namespace nestor::python
