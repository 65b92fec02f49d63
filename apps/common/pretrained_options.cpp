#include "apps/common/pretrained_options.h"

#include "apps/common/progress.h"

namespace nestor {

namespace {

constexpr const char* kGroup = "Official weights";

class DownloadBar : public TransferProgress {
 public:
  explicit DownloadBar(const std::string& what) : bar_(what, 0, ProgressUnit::kBytes) {}
  void advance(std::size_t bytes) override { bar_.advance(bytes); }
  void restart(std::size_t done, std::size_t total) override { bar_.restart(done, total); }

 private:
  ProgressBar bar_;
};

}  // namespace

void add_list_option(CLI::App& app, PretrainedOptions& options) {
  app.add_option("--registry", options.list,
                 "Use this list of weight files instead of the built-in one; it has the form of "
                 "weights_convert/official_files.json")
      ->envname("NESTOR_REGISTRY")
      ->type_name("FILE")
      ->group(kGroup);
}

void add_download_options(CLI::App& app, PretrainedOptions& options) {
  options.progress = [](const std::string& what) { return std::make_unique<DownloadBar>(what); };
  app.add_flag("--offline", options.offline, "Use files on this machine only; download nothing")
      ->group(kGroup);
  app.add_option("--base-url", options.base_url,
                 "Download from this mirror instead of the official hosts; it has the files under "
                 "their own names (.zip for .params)")
      ->envname("NESTOR_WEIGHTS_URL")
      ->type_name("URL")
      ->group(kGroup);
  app.add_option("--timeout", options.timeout_seconds,
                 "Abort a transfer that brings less than 4 KiB a second for this many seconds")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str()
      ->type_name("SECONDS")
      ->group(kGroup);
  app.add_option("--retries", options.retries, "Number of retries after a transient failure")
      ->check(CLI::Range(0, 100))
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
  app.add_option(
         "--time-limit", options.time_limit_seconds,
         "Give up a file that has not arrived after this long, tries and addresses together")
      ->check(CLI::Range(1, 7 * 24 * 3600))
      ->capture_default_str()
      ->type_name("SECONDS")
      ->group(kGroup);
}

}  // namespace nestor
