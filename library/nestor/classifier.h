#pragma once
// Classifying images.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nestor/export.h"
#include "nestor/image.h"
#include "nestor/model.h"
#include "nestor/session.h"

namespace nestor {

// Reads and decodes an image file, as the model's preprocessing contract demands. Throws kBadInput.
NESTOR_API Image read_image(const std::filesystem::path& path, const ModelInfo& info);

struct NESTOR_API Prediction {
  int class_id = -1;
  std::string label;  // empty if the model has none
  float probability = 0;
};

// The k most probable classes after softmax, in descending order; of equal logits the lower class
// first. Throws kBadModel if a logit is not a finite number: such weights have no answer.
NESTOR_API std::vector<Prediction> top_k(std::span<const float> logits,
                                         const std::vector<std::string>& labels, int k);

// One thread's means to classify images. Not thread-safe.
class NESTOR_API Classifier {
 public:
  // Of the options, `normalisation` is the model's.
  explicit Classifier(LoadedModel model, SessionOptions options = {});

  const ModelInfo& info() const { return model_.info; }
  Session& session() { return session_; }
  const Session& session() const { return session_; }

  // Prepares the images as info().preprocess says and runs them as one batch: one list a picture.
  std::vector<std::vector<Prediction>> classify(std::span<const Image> images, int k = 5);
  std::vector<Prediction> classify(const Image& image, int k = 5);

 private:
  LoadedModel model_;
  Session session_;
  std::vector<std::uint8_t> input_;  // [image][row][column][3]
};

}  // namespace nestor
