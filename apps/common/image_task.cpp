#include "apps/common/image_task.h"

#include <utility>

#include "apps/common/inputs.h"
#include "apps/common/session_options.h"
#include "apps/common/standard_streams.h"
#include "library/network_size.h"

namespace nestor {

namespace {

constexpr std::size_t kMaxStandardInputBytes = std::size_t{1} << 30;

DecodedImage decode(const std::string& name, const DecodeOptions& options) {
  if (name == kStandardInput) {
    return decode_image(StandardInput(kMaxStandardInputBytes).bytes(), name, options);
  }
  return decode_image_file(name, options);
}

}  // namespace

ImageTask::ImageTask(std::vector<std::string> names, const PreprocessOptions& options,
                     const OpenedModel& model, RunSummary& summary)
    : names_(std::move(names)),
      preprocess_(model.preprocess),
      smallest_side_(smallest_side(model.info())),
      decoding_(decode_options(options, model.preprocess.contract)),
      summary_(summary) {}

PreparedImage ImageTask::prepare(std::size_t idx) const {
  const std::string& name = names_[idx];
  DecodedImage decoded = decode(name, decoding_);
  see_decoded(idx, decoded.image);
  PreparedImage prepared{.name = name,
                         .width = decoded.image.width,
                         .height = decoded.image.height,
                         .image = {},
                         .warnings = std::move(decoded.warnings),
                         .orientation = decoded.orientation};
  if (preprocess_.rule == ResizeRule::kNone) {
    prepared.image = std::move(decoded.image);
  } else {
    prepared.image = resize_and_crop(decoded.image, preprocess_, name);
  }
  require_network_size(prepared, smallest_side_);
  return prepared;
}

void ImageTask::admit(std::size_t, const PreparedImage& prepared) {
  for (const std::string& warning : prepared.warnings) summary_.warn(warning);
  if (!decoding_.apply_orientation) turned_.add(prepared);
}

void ImageTask::finish(std::size_t idx, const PreparedImage& image, const ImageOutputs& outputs) {
  compute_result(idx, image, outputs);
  if (!saving_) return;
  saved_.add(outputs);
  saved_images_.push_back(names_[idx]);
}

void ImageTask::deliver(std::size_t idx, const PreparedImage& image, const Error* error) {
  report(idx, image, error);
  summary_.add(error == nullptr ? std::nullopt : std::optional<std::string>(error->what()));
}

int run_image_task(OpenedModel& model, const BatchOptions& batches, const ResultOptions& results,
                   ImageTask& task) {
  const RunImages run = [&](ImageTask& images) {
    run_batches(model.session, images.num_images(), batches, images);
  };
  return run_image_task(model, run, results, task);
}

int run_image_task(OpenedModel& model, const RunImages& run, const ResultOptions& results,
                   ImageTask& task) {
  RunSummary& summary = task.summary();
  const bool saving = !results.save_outputs.empty();
  if (saving) task.save_outputs();
  // A shard may be empty, and all may be done already.
  if (task.num_images() > 0) run(task);
  task.turned_photos().warn(summary);
  print_warnings(model.command, model.session);
  task.finish_report();
  if (saving && summary.num_good() > 0) task.write_saved(results.save_outputs);
  const std::string why_no_gpu = nestor::why_no_gpu(*model.loaded.model);
  summary.finish(model.session.device(), why_no_gpu.empty() ? "" : "no GPU: " + why_no_gpu);
  return summary.exit_code();
}

}  // namespace nestor
