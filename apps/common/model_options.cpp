#include "apps/common/model_options.h"

#include "apps/common/messages.h"
#include "engine/check.h"
#include "weights_convert/pretrained/pull.h"
#include "weights_convert/pretrained/selection.h"

namespace nestor {

namespace {

constexpr const char* kGroup = "Model";

}  // namespace

void add_weights_options(CLI::App& app, ModelOptions& options) {
  app.add_option("--weights,--saved-params,--checkpoint", options.weights,
                 "Model file written by nestor-convert (.safetensors)")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option_function<std::string>(
         "--pretrained", [&](const std::string& which) { options.pretrained = which; },
         "Use official weights of --network; download them if they are not in the cache. WHICH is "
         "gluoncv, resnest or timm, a tag (in1k), 8 digits of a hash, or a name that "
         "`nestor-weights list` shows; without it, the first in that list")
      ->type_name("[=WHICH]")
      ->excludes("--weights")
      ->group(kGroup);
  app.add_option("-m,--network,--model", options.network,
                 "Network of --pretrained, or the one that --weights must hold, e.g. resnest50")
      ->type_name("NAME")
      ->group(kGroup);
  add_list_option(app, options.download);
  add_download_options(app, options.download);
}

void add_model_options(CLI::App& app, ModelOptions& options) {
  add_weights_options(app, options);
  app.add_option("--labels", options.labels,
                 "Text file with one class name per line (default: the model's)")
      ->type_name("FILE")
      ->group(kGroup);
}

std::string model_file(std::string_view command, const ModelOptions& options) {
  if (!options.pretrained) {
    CHECK_AS(kUsage, !options.weights.empty(),
             "no weights: --weights FILE, or --network NAME --pretrained for the official ones");
    return options.weights;
  }
  const std::vector<OfficialFile> files = pretrained_files(options.download);
  const OfficialFile& file = select_for_network(files, options.network, *options.pretrained);
  const auto note = [command](const std::string& line) { print_message(command, line); };
  return pull_model(file, WeightCache(), options.download, note).string();
}

std::vector<std::string> files_read(std::vector<std::string> images, const std::string& file,
                                    const ModelOptions& options) {
  images.push_back(file);
  if (!options.labels.empty()) images.push_back(options.labels);
  return images;
}

}  // namespace nestor
