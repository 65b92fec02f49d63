#include "nestor/segmenter.h"

#include "engine/check.h"
#include "library/class_map.h"
#include "library/multi_scale/evaluation.h"
#include "library/source_task.h"

namespace nestor {

namespace {

constexpr int kMostByteClasses = 256;

class SegmentTask : public SourceTask<Segmented> {
 public:
  using SourceTask::SourceTask;

  void finish(std::size_t idx, const PreparedImage&, const ImageOutputs& outputs) override {
    results[idx].map = class_map_of(outputs);
  }
};

}  // namespace

const ModelInfo& require_byte_classes(const ModelInfo& info) {
  CHECK_AS(kUnsupported, info.num_classes <= kMostByteClasses,
           "{} has {} classes, class maps have at most {}", info.network, info.num_classes,
           kMostByteClasses);
  return info;
}

ClassMap class_map_of(const ImageOutputs& outputs) {
  const TensorView classes = outputs.tensor(0);
  const Shape& shape = classes.desc.shape;
  CHECK(classes.desc.dtype == DType::kUInt8 && shape.rank() == 3 && shape[0] == 1,
        "a class map is {}, expected uint8 [1, height, width]", to_string(classes.desc));
  const auto* const begin = classes.as<std::uint8_t>();
  return {.width = static_cast<int>(shape[2]),
          .height = static_cast<int>(shape[1]),
          .classes = {begin, begin + shape.num_elements()}};
}

Segmenter::Segmenter(LoadedModel model, SessionOptions options)
    : model_(std::move(model)),
      session_(require_task(model_, Task::kSegmentation).model,
               with_normalisation(std::move(options), require_byte_classes(model_.info))) {}

std::vector<Segmented> Segmenter::segment_each(std::span<const ImageSource> images,
                                               const Batching& batching) {
  SegmentTask task(images, info());
  task.max_pixels = batching.max_pixels;
  run_batches(session_, images.size(), options_of(batching), task);
  return std::move(task.results);
}

std::vector<ClassMap> Segmenter::segment(std::span<const Image> images) {
  if (images.empty()) return {};
  std::vector<ClassMap> maps;
  for (Segmented& image : segment_each(sources_of(images), {.batch_size = images.size()})) {
    if (image.error) throw *image.error;
    maps.push_back(std::move(image.map));
  }
  return maps;
}

ClassMap Segmenter::segment(const Image& image) { return segment({&image, 1})[0]; }

ClassMap Segmenter::segment_multi_scale(const Image& image, const MultiScaleOptions& options) {
  const ImageSource source = &image;  // checked like all others
  const PreparedImage prepared =
      prepare_image(source, 0, info().preprocess, DecodeOptions{}.max_pixels);
  MultiScale evaluation(session_, info().preprocess.normalisation, info().num_classes, options,
                        /*wants_scores=*/false);
  return evaluation.run(prepared.image, prepared.name).map;
}

}  // namespace nestor
