#pragma once
// Classifying images.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nestor/batching.h"
#include "nestor/error.h"
#include "nestor/export.h"
#include "nestor/image.h"
#include "nestor/image_source.h"
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

// The result of one image.
struct NESTOR_API Classified {
  std::vector<Prediction> predictions;
  std::optional<Error> error;  // why there are none
};
struct NESTOR_API Embedded {
  std::vector<float> features;
  std::optional<Error> error;
};

// One thread's means to classify images, and to compute the pooled features that its last layer
// classifies. Not thread-safe.
class NESTOR_API Classifier {
 public:
  // Of the options, `normalisation` is the model's. Throws kUnsupported for a model of another task.
  explicit Classifier(LoadedModel model, SessionOptions options = {});

  const ModelInfo& info() const { return model_.info; }
  Session& session() { return session_; }
  const Session& session() const { return session_; }
  std::int64_t num_features() const { return num_features_; }

  // Prepares the images as info().preprocess says and runs them as one batch: one list an image.
  std::vector<std::vector<Prediction>> classify(std::span<const Image> images, int k = 5);
  std::vector<Prediction> classify(const Image& image, int k = 5);

  // The images' pooled features, num_features() each.
  std::vector<std::vector<float>> embed(std::span<const Image> images);
  std::vector<float> embed(const Image& image);

  // The same for many images, which are read and prepared by threads while others run. Results are
  // in the order of the images; one that cannot be used does not stop the others.
  std::vector<Classified> classify_each(std::span<const ImageSource> images, int k = 5,
                                        const Batching& batching = {});
  std::vector<Embedded> embed_each(std::span<const ImageSource> images,
                                   const Batching& batching = {});

 private:
  LoadedModel model_;
  Session session_;
  std::int64_t num_features_;
};

}  // namespace nestor
