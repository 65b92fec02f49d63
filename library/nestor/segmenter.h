#pragma once
// Segmenting images: a class for each pixel.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nestor/batching.h"
#include "nestor/error.h"
#include "nestor/export.h"
#include "nestor/image.h"
#include "nestor/image_source.h"
#include "nestor/model.h"
#include "nestor/session.h"

namespace nestor {

// Of an image: one class a pixel, rows from the top: height * width of them.
struct NESTOR_API ClassMap {
  int width = 0, height = 0;
  std::vector<std::uint8_t> classes;
};

// The result of one image.
struct NESTOR_API Segmented {
  ClassMap map;
  std::optional<Error> error;  // why there is none
};

// How GluonCV's MultiEvalModel evaluates an image: resized to several sizes, each cut into
// overlapping windows of the size that the network was trained with, which may be run mirrored as
// well; the exponentials of the scores are averaged where windows overlap, and added up over sizes.
struct NESTOR_API MultiScaleOptions {
  std::vector<double> scales = {0.5, 0.75, 1.0, 1.25, 1.5, 1.75};
  bool flip = true;
  int base_size = 520;         // of the image's longer side, in pixels, at scale 1
  int crop_size = 480;         // of windows
  std::size_t batch_size = 2;  // most windows that run at once, mirrored ones counted
};

// One thread's means to segment images. Not thread-safe.
class NESTOR_API Segmenter {
 public:
  // Of the options, `normalisation` is the model's. Throws kUnsupported for a model of another task,
  // and of more than 256 classes.
  explicit Segmenter(LoadedModel model, SessionOptions options = {});

  const ModelInfo& info() const { return model_.info; }
  Session& session() { return session_; }
  const Session& session() const { return session_; }

  // Segments images in their own sizes: those of one size run as one batch.
  std::vector<ClassMap> segment(std::span<const Image> images);
  ClassMap segment(const Image& image);

  // The same for many images, which are read and decoded by threads while others run. Results are in
  // the order of the images; one that cannot be used does not stop the others.
  std::vector<Segmented> segment_each(std::span<const ImageSource> images,
                                      const Batching& batching = {});

  // Evaluates an image at several sizes, which takes dozens of runs of the network. Throws kBadInput
  // for an image so elongated that nothing is left of it, kOutOfMemory before anything runs.
  ClassMap segment_multi_scale(const Image& image, const MultiScaleOptions& options = {});

 private:
  LoadedModel model_;
  Session session_;
};

}  // namespace nestor
