#include "nestor/detector.h"

#include "engine/check.h"
#include "library/detected_objects.h"
#include "library/source_task.h"

namespace nestor {

namespace {

enum Outputs : std::size_t { kBoxes, kScores, kClasses };  // in the order of the network

class DetectTask : public SourceTask<Detected> {
 public:
  DetectTask(std::span<const ImageSource> images, const ModelInfo& info)
      : SourceTask(images, info), info_(info) {}

  void finish(std::size_t idx, const PreparedImage& image, const ImageOutputs& outputs) override {
    results[idx].objects = detected_objects(outputs, image, info_);
  }
  void deliver(std::size_t idx, const PreparedImage& image, const Error* error) override {
    results[idx].width = image.width;
    results[idx].height = image.height;
    SourceTask::deliver(idx, image, error);
  }

 private:
  const ModelInfo& info_;
};

}  // namespace

std::vector<DetectedObject> detected_objects(const ImageOutputs& outputs,
                                             const PreparedImage& image, const ModelInfo& info) {
  const std::int32_t count = outputs.count(kBoxes);
  CHECK_AS(kBadModel, count >= 0,
           "{}: scores or boxes are not finite numbers: the weights have no answer", image.name);
  const auto scale = static_cast<float>(static_cast<double>(image.height) / image.image.height);
  const TensorView boxes = outputs.tensor(kBoxes), scores = outputs.tensor(kScores);
  const TensorView classes = outputs.tensor(kClasses);
  std::vector<DetectedObject> objects;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const float* const box = boxes.as<float>() + 4 * i;
    if (!(box[2] > box[0])) continue;
    DetectedObject& object = objects.emplace_back();
    object.class_id = classes.as<std::int32_t>()[i];
    object.score = scores.as<float>()[i];
    const auto class_idx = static_cast<std::size_t>(object.class_id);
    if (class_idx < info.labels.size()) object.label = info.labels[class_idx];
    for (std::size_t k = 0; k < 4; ++k) object.box[k] = box[k] * scale;
  }
  return objects;
}

Detector::Detector(LoadedModel model, SessionOptions options)
    : model_(std::move(model)),
      session_(require_task(model_, Task::kDetection).model,
               with_normalisation(std::move(options), model_.info)) {}

std::vector<Detected> Detector::detect_each(std::span<const ImageSource> images,
                                            const Batching& batching) {
  DetectTask task(images, info());
  task.max_pixels = batching.max_pixels;
  run_batches(session_, images.size(), options_of(batching), task);
  return std::move(task.results);
}

std::vector<std::vector<DetectedObject>> Detector::detect(std::span<const Image> images) {
  if (images.empty()) return {};
  std::vector<std::vector<DetectedObject>> results;
  for (Detected& image : detect_each(sources_of(images), {.batch_size = images.size()})) {
    if (image.error) throw *image.error;
    results.push_back(std::move(image.objects));
  }
  return results;
}

std::vector<DetectedObject> Detector::detect(const Image& image) { return detect({&image, 1})[0]; }

}  // namespace nestor
