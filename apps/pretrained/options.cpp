#include "apps/pretrained/options.h"

#include "engine/check.h"

namespace nestor {

namespace {

constexpr const char* kGroup = "Official weights";

}  // namespace

void add_list_option(CLI::App& app, PretrainedOptions& options) {
  app.add_option("--registry", options.list,
                 "A list of weight files instead of the built-in one, in the form of "
                 "weights_convert/official_files.json: for private models and tests")
      ->envname("NESTOR_REGISTRY")
      ->type_name("FILE")
      ->group(kGroup);
}

void add_download_options(CLI::App& app, PretrainedOptions& options) {
  app.add_flag("--offline", options.offline, "Use what is on this machine, download nothing")
      ->group(kGroup);
  app.add_option("--base-url", options.base_url,
                 "A mirror that has the files under their own names (.zip for .params), asked "
                 "instead of the official hosts")
      ->envname("NESTOR_WEIGHTS_URL")
      ->type_name("URL")
      ->group(kGroup);
  app.add_option("--timeout", options.timeout_seconds,
                 "Give a connection up that brings nothing for so many seconds")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str()
      ->type_name("SECONDS")
      ->group(kGroup);
  app.add_option("--retries", options.retries, "Try again so often after a failure that may pass")
      ->check(CLI::Range(0, 100))
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
}

std::vector<OfficialFile> pretrained_files(const PretrainedOptions& options) {
  if (!options.list.empty()) return read_official_files(options.list);
  return {official_files().begin(), official_files().end()};
}

}  // namespace nestor
