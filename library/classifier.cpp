#include "nestor/classifier.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/check.h"
#include "library/source_task.h"

namespace nestor {

Image read_image(const std::filesystem::path& path, const ModelInfo& info) {
  const DecodeOptions options{.convention = decoder_convention(info.preprocess.contract)};
  return decode_image_file(path, options).image;
}

std::vector<Prediction> top_k(std::span<const float> logits, const std::vector<std::string>& labels,
                              int k) {
  const bool finite = std::ranges::all_of(logits, [](float x) { return std::isfinite(x); });
  CHECK_AS(kBadModel, finite, "the logits are not finite numbers: the weights have no answer");
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto wanted = std::min<std::size_t>(order.size(), static_cast<std::size_t>(std::max(k, 0)));
  std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(wanted),
                            [&](int a, int b) {
                              const float x = logits[static_cast<std::size_t>(a)];
                              const float y = logits[static_cast<std::size_t>(b)];
                              return x != y ? x > y : a < b;
                            });
  const float largest = logits.empty() ? 0 : *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - largest);
  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < wanted; ++i) {
    const auto idx = static_cast<std::size_t>(order[i]);
    predictions.push_back(
        {.class_id = order[i],
         .label = idx < labels.size() ? labels[idx] : std::string(),
         .probability = static_cast<float>(std::exp(double{logits[idx]} - largest) / sum)});
  }
  return predictions;
}

namespace {

class ClassifyTask : public SourceTask<Classified> {
 public:
  ClassifyTask(std::span<const ImageSource> images, const ModelInfo& info, int k)
      : SourceTask(images, info), info_(info), k_(k) {}

  void finish(std::size_t idx, const PreparedImage&, const ImageOutputs& outputs) override {
    const TensorView logits = outputs.tensor(0);
    const auto num_classes = static_cast<std::size_t>(info_.num_classes);
    results[idx].predictions = top_k({logits.as<float>(), num_classes}, info_.labels, k_);
  }

 private:
  const ModelInfo& info_;
  int k_;
};

class EmbedTask : public SourceTask<Embedded> {
 public:
  using SourceTask::SourceTask;

  void finish(std::size_t idx, const PreparedImage&, const ImageOutputs& outputs) override {
    const TensorView features = outputs.tensor(outputs.size() - 1);
    const float* const begin = features.as<float>();
    results[idx].features.assign(begin, begin + features.desc.shape.num_elements());
  }
};

Batching one_batch(std::span<const Image> images) { return {.batch_size = images.size()}; }

}  // namespace

Classifier::Classifier(LoadedModel model, SessionOptions options)
    : model_(std::move(model)),
      session_(require_task(model_, Task::kClassification).model,
               with_normalisation(std::move(options), model_.info)),
      num_features_(nestor::num_features(model_)) {}

std::vector<Classified> Classifier::classify_each(std::span<const ImageSource> images, int k,
                                                  const Batching& batching) {
  ClassifyTask task(images, info(), k);
  task.max_pixels = batching.max_pixels;
  run_batches(session_, images.size(), options_of(batching), task);
  return std::move(task.results);
}

std::vector<Embedded> Classifier::embed_each(std::span<const ImageSource> images,
                                             const Batching& batching) {
  EmbedTask task(images, info());
  task.max_pixels = batching.max_pixels;
  BatchOptions options = options_of(batching);
  options.taps = {info().features};
  run_batches(session_, images.size(), options, task);
  return std::move(task.results);
}

std::vector<std::vector<Prediction>> Classifier::classify(std::span<const Image> images, int k) {
  if (images.empty()) return {};
  std::vector<std::vector<Prediction>> results;
  for (Classified& image : classify_each(sources_of(images), k, one_batch(images))) {
    if (image.error) throw *image.error;
    results.push_back(std::move(image.predictions));
  }
  return results;
}

std::vector<Prediction> Classifier::classify(const Image& image, int k) {
  return classify({&image, 1}, k)[0];
}

std::vector<std::vector<float>> Classifier::embed(std::span<const Image> images) {
  if (images.empty()) return {};
  std::vector<std::vector<float>> results;
  for (Embedded& image : embed_each(sources_of(images), one_batch(images))) {
    if (image.error) throw *image.error;
    results.push_back(std::move(image.features));
  }
  return results;
}

std::vector<float> Classifier::embed(const Image& image) { return embed({&image, 1})[0]; }

}  // namespace nestor
