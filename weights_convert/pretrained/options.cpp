#include "weights_convert/pretrained/options.h"

namespace nestor {

std::vector<OfficialFile> pretrained_files(const PretrainedOptions& options) {
  if (!options.list.empty()) return read_official_files(options.list);
  return {official_files().begin(), official_files().end()};
}

}  // namespace nestor
