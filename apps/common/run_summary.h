#pragma once
// The account of a run over many images, on standard error.

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apps/common/progress.h"

namespace nestor {

// The exit code of a run in which some images failed and others did not.
inline constexpr int kSomeInputsFailed = 6;

// Shows a progress bar, an image's error or warning as it comes, and one line at the end.
class RunSummary {
 public:
  struct Options {
    std::string command;  // "nestor-classify"
    std::string doing;    // "classifying"
    std::string done;     // "classified"
    bool quiet = false;   // errors and warnings only
    // Results go to a terminal: they show the progress themselves.
    bool results_visible = false;
    // They show the errors of images, too.
    bool errors_visible = false;
  };

  RunSummary(Options options, std::size_t num_images);

  // One more image has its result, or an error that names it.
  void add(const std::optional<std::string>& error);
  void warn(std::string_view warning);

  // "2 of 3 images classified, 1 failed, 41.2 images/s on cpu". `note` says more in brackets;
  // empty: nothing.
  void finish(std::string_view device, std::string_view note);

  std::size_t num_good() const { return num_good_; }

  // 0; kSomeInputsFailed, or that of kBadInput if no image has a result.
  int exit_code() const;

 private:
  using Clock = std::chrono::steady_clock;

  Options options_;
  std::size_t num_images_, num_good_ = 0, num_failed_ = 0;
  std::unique_ptr<ProgressBar> bar_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace nestor
