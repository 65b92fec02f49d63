#include "apps/common/run_summary.h"

#include <fmt/format.h>

#include <utility>

#include "apps/common/messages.h"
#include "nestor/error.h"

namespace nestor {

RunSummary::RunSummary(Options options, std::size_t num_images)
    : options_(std::move(options)), num_images_(num_images) {
  const bool hidden = options_.quiet || options_.results_visible;
  bar_ = std::make_unique<ProgressBar>(options_.doing, hidden ? 0 : num_images);
}

void RunSummary::add(const std::optional<std::string>& error) {
  ++(error ? num_failed_ : num_good_);
  if (error && !options_.errors_visible) {
    bar_->erase();
    print_message(options_.command, *error);
  }
  bar_->advance(1);
}

void RunSummary::warn(std::string_view warning) {
  bar_->erase();
  print_message(options_.command, fmt::format("warning: {}", warning));
}

void RunSummary::finish(std::string_view device, std::string_view note) {
  bar_.reset();
  if (options_.quiet) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  std::string text = num_failed_ == 0 ? fmt::format("{} {}", num_good_, options_.done)
                                      : fmt::format("{} of {} {}, {} failed", num_good_,
                                                    num_images_, options_.done, num_failed_);
  if (num_good_ > 0 && seconds > 0) {
    text +=
        fmt::format(", {:.1f} images/s on {}", static_cast<double>(num_good_) / seconds, device);
  }
  if (!note.empty()) text += fmt::format(" ({})", note);
  print_message(options_.command, text);
}

int RunSummary::exit_code() const {
  if (num_good_ == num_images_) return 0;
  return num_good_ > 0 ? kSomeInputsFailed : nestor::exit_code(ErrorCode::kBadInput);
}

}  // namespace nestor
