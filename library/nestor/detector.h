#pragma once
// Detecting objects in images.

#include <array>
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

struct NESTOR_API DetectedObject {
  int class_id = -1;
  std::string label;  // empty if the model has none
  float score = 0;
  // Left, top, right, bottom in pixels of the image that was given, from its upper left corner.
  // Networks may see objects that reach beyond the image.
  std::array<float, 4> box{};
};

// The result of one image.
struct NESTOR_API Detected {
  int width = 0, height = 0;  // of the image that was given
  std::vector<DetectedObject> objects;
  std::optional<Error> error;  // why there are none
};

// One thread's means to detect objects. Which detections count was said to load_model()
// (LoadOptions::detection). Images of one size run in batches, each with the result that it has
// alone. Not thread-safe.
class NESTOR_API Detector {
 public:
  // Of the options, `normalisation` is the model's. Throws kUnsupported for a model of another task.
  explicit Detector(LoadedModel model, SessionOptions options = {});

  const ModelInfo& info() const { return model_.info; }
  Session& session() { return session_; }
  const Session& session() const { return session_; }

  // The objects of each image, the highest score first. The images are prepared as info().preprocess
  // says. Throws kBadModel if scores or boxes are not finite: such weights have no answer.
  std::vector<std::vector<DetectedObject>> detect(std::span<const Image> images);
  std::vector<DetectedObject> detect(const Image& image);

  // The same for many images, which are read and prepared by threads while others run. Results are
  // in the order of the images; one that cannot be used does not stop the others.
  std::vector<Detected> detect_each(std::span<const ImageSource> images,
                                    const Batching& batching = {});

 private:
  LoadedModel model_;
  Session session_;
};

}  // namespace nestor
