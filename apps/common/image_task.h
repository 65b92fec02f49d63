#pragma once
// What all commands do with the images of the command line, whatever their model's task.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "apps/common/opened_model.h"
#include "apps/common/preprocess_options.h"
#include "apps/common/result_options.h"
#include "apps/common/run_summary.h"
#include "apps/common/saved_tensors.h"
#include "apps/common/turned_photos.h"
#include "library/batch_runner.h"

namespace nestor {

// Decodes the images and gives them the size that the preprocessing's rule demands, refuses those
// that the network does not take, passes warnings on, counts results and failures, saves tensors. What becomes of an image's outputs is the
// command's: compute_result() and report().
class ImageTask : public BatchTask {
 public:
  // Images become inputs of the model as its preprocessing says.
  ImageTask(std::vector<std::string> names, const PreprocessOptions& options,
            const OpenedModel& model, RunSummary& summary);

  PreparedImage prepare(std::size_t idx) const override;
  void admit(std::size_t idx, const PreparedImage& prepared) override;
  void finish(std::size_t idx, const PreparedImage& image, const ImageOutputs& outputs) final;
  void deliver(std::size_t idx, const PreparedImage& image, const Error* error) final;

  // The end of the report, when all images are reported.
  virtual void finish_report() = 0;

  void save_outputs() { saving_ = true; }
  const std::string& name(std::size_t idx) const { return names_[idx]; }
  std::size_t num_images() const { return names_.size(); }
  RunSummary& summary() { return summary_; }
  const TurnedPhotos& turned_photos() const { return turned_; }

  // Writes what save_outputs() asked for.
  void write_saved(const std::string& path) const { saved_.write(path, saved_images_); }

 protected:
  // Images are not the network's inputs, but made into them.
  void take_all_sizes() { smallest_side_ = 1; }

  // Sees a picture as it was decoded, before prepare() gives it another size. Called by several
  // threads.
  virtual void see_decoded(std::size_t /*idx*/, const Image& /*picture*/) const {}

  // Makes and keeps an image's result; in any order.
  virtual void compute_result(std::size_t idx, const PreparedImage& image,
                              const ImageOutputs& outputs) = 0;

  // Writes an image's result, or why there is none; in the order of the images.
  virtual void report(std::size_t idx, const PreparedImage& image, const Error* error) = 0;

 private:
  const std::vector<std::string> names_;
  const Preprocess preprocess_;
  int smallest_side_;
  const DecodeOptions decoding_;
  RunSummary& summary_;
  TurnedPhotos turned_;
  bool saving_ = false;
  SavedTensors saved_;
  std::vector<std::string> saved_images_;  // one per row of saved_
};

// Runs all images of a task.
using RunImages = std::function<void(ImageTask& task)>;

// Runs the task's images, in batches through the model or as `run` does it, writes what the options ask for, prints the summary and
// returns the command's exit code.
int run_image_task(OpenedModel& model, const BatchOptions& batches, const ResultOptions& results,
                   ImageTask& task);
int run_image_task(OpenedModel& model, const RunImages& run, const ResultOptions& results,
                   ImageTask& task);

}  // namespace nestor
