#pragma once
// What classes for one task share: sources of images as a task of the batch runner.

#include <span>
#include <vector>

#include "library/batch_runner.h"
#include "library/network_size.h"
#include "library/prepare_image.h"
#include "nestor/batching.h"
#include "nestor/model.h"

namespace nestor {

// The model, if it is of that task; throws kUnsupported if not.
const LoadedModel& require_task(const LoadedModel& model, Task task);

// The options with the model's normalisation.
SessionOptions with_normalisation(SessionOptions options, const ModelInfo& info);

std::vector<ImageSource> sources_of(std::span<const Image> images);
BatchOptions options_of(const Batching& batching);

// `Result` has an error.
template <class Result>
class SourceTask : public BatchTask {
 public:
  SourceTask(std::span<const ImageSource> images, const ModelInfo& info)
      : results(images.size()),
        images_(images),
        preprocess_(info.preprocess),
        smallest_side_(smallest_side(info)) {}

  PreparedImage prepare(std::size_t idx) const override {
    PreparedImage prepared = prepare_image(images_[idx], idx, preprocess_, max_pixels);
    require_network_size(prepared, smallest_side_);
    return prepared;
  }
  void deliver(std::size_t idx, const PreparedImage&, const Error* error) override {
    if (error != nullptr) results[idx].error = *error;
  }

  std::vector<Result> results;
  std::int64_t max_pixels = DecodeOptions{}.max_pixels;  // of an encoded image

 private:
  std::span<const ImageSource> images_;
  const Preprocess& preprocess_;
  const int smallest_side_;
};

}  // namespace nestor
