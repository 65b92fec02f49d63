#include "library/source_task.h"

#include "engine/check.h"

namespace nestor {

const LoadedModel& require_task(const LoadedModel& model, Task task) {
  CHECK_AS(kUnsupported, model.info.task == task, "{} is a network for {}, expected {}",
           model.info.network, to_string(model.info.task), to_string(task));
  return model;
}

SessionOptions with_normalisation(SessionOptions options, const ModelInfo& info) {
  options.normalisation = info.preprocess.normalisation;
  return options;
}

std::vector<ImageSource> sources_of(std::span<const Image> images) {
  std::vector<ImageSource> sources;
  for (const Image& image : images) sources.emplace_back(&image);
  return sources;
}

BatchOptions options_of(const Batching& batching) {
  return {.batch_size = batching.batch_size, .num_decoders = batching.num_decoders};
}

}  // namespace nestor
