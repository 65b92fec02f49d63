#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/check.h"
#include "engine/weights/weight_file.h"
#include "nestor/nestor.h"

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

SessionOptions with_normalisation(SessionOptions options, const ModelInfo& info) {
  options.normalisation = info.preprocess.normalisation;
  return options;
}

}  // namespace

Classifier::Classifier(LoadedModel model, SessionOptions options)
    : model_(std::move(model)),
      session_(model_.model, with_normalisation(std::move(options), model_.info)) {}

std::vector<std::vector<Prediction>> Classifier::classify(std::span<const Image> images, int k) {
  if (images.empty()) return {};
  const Preprocess& preprocess = info().preprocess;
  const std::int64_t size = preprocess.crop_size;
  input_.clear();
  for (const Image& image : images) {
    const Image prepared = resize_and_crop(image, preprocess);
    input_.insert(input_.end(), prepared.rgb.begin(), prepared.rgb.end());
  }
  const TensorDesc desc{DType::kUInt8, {static_cast<std::int64_t>(images.size()), size, size, 3}};
  const TensorView logits = session_.run({desc, input_.data()})[0].tensor;
  const auto num_classes = static_cast<std::size_t>(info().num_classes);
  std::vector<std::vector<Prediction>> results;
  for (std::size_t i = 0; i < images.size(); ++i) {
    results.push_back(top_k({logits.as<float>() + i * num_classes, num_classes}, info().labels, k));
  }
  return results;
}

std::vector<Prediction> Classifier::classify(const Image& image, int k) {
  return classify({&image, 1}, k)[0];
}

}  // namespace nestor
