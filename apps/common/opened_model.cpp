#include "apps/common/opened_model.h"

#include <utility>

#include "engine/check.h"
#include "weights_convert/convert.h"
#include "weights_convert/labels.h"
#include "weights_convert/official_files.h"

namespace nestor {

namespace {

LoadedModel load(const std::string& file, const OpenOptions& options) {
  LoadedModel loaded = load_model(file, {.device = options.device.device,
                                         .network = network_called(options.model.network),
                                         .detection = options.detection});
  CHECK_AS(kUnsupported, loaded.info.task == options.task, "{}: {} is made for {}, not for {}",
           file, loaded.info.network, to_string(loaded.info.task), to_string(options.task));
  const std::string& labels = options.model.labels;
  if (!labels.empty()) loaded.info.labels = read_labels(labels, loaded.info.num_classes);
  return loaded;
}

}  // namespace

OpenedModel open_model(const std::string& file, const OpenOptions& options) {
  LoadedModel loaded = load(file, options);
  warn_if_synthetic(options.command, file, loaded.info);
  const Preprocess preprocess = preprocess_with(options.preprocess, loaded.info);
  SessionOptions settings = session_options(options.device, *loaded.model);
  settings.normalisation = preprocess.normalisation;
  Session session(loaded.model, settings);
  return {options.command, file, std::move(loaded), preprocess, std::move(session)};
}

}  // namespace nestor
