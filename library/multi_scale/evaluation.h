#pragma once
// Multi-scale evaluation of images (MultiScaleOptions).

#include <span>
#include <vector>

#include "library/batch_runner.h"
#include "library/multi_scale/plan.h"
#include "nestor/segmenter.h"

namespace nestor {

struct MultiScaleResult {
  ClassMap map;
  std::vector<float> scores;  // [classes][height][width], if they were asked for
};

// Runs one image. Memory does not grow with the image's own size but for its class map: the scores
// of each scale are kept in that scale's size, and resized row by row at the end. `name`: of the
// image, for messages.
class MultiScale {
 public:
  // The session's model is a segmenter of that many classes.
  MultiScale(Session& session, const Normalisation& normalisation, int num_classes,
             const MultiScaleOptions& options, bool wants_scores);

  // Throws as Segmenter::segment_multi_scale.
  MultiScaleResult run(const Image& image, const std::string& name);

 private:
  // Throws kOutOfMemory if scores, beside what a batch of windows needs, take too much.
  void require_memory(const Image& image, std::span<const ScalePlan> plans, const Shape& batch,
                      const std::string& name);

  Session& session_;
  Normalisation normalisation_;
  int num_classes_;
  MultiScaleOptions options_;
  bool wants_scores_;
};

// Runs the task's images 0 to num_images - 1, one after another, like run_batches. Their outputs are
// "classes", uint8 [1, height, width], and, if they are wanted, "scores", float32 [1, classes,
// height, width].
void run_multi_scale(MultiScale& evaluation, std::size_t num_images, BatchTask& task);

}  // namespace nestor
