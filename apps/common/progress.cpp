#include "apps/common/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace nestor {

namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::chrono::milliseconds kRedraw{100};

std::string minutes(double seconds) {
  const auto whole = static_cast<long>(std::min(seconds, 359'999.0));
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

ProgressBar::ProgressBar(std::string what, std::size_t total, ProgressUnit unit)
    : what_(std::move(what)),
      total_(total),
      unit_(unit),
      visible_(::isatty(STDERR_FILENO) == 1 && (total > 1 || unit == ProgressUnit::kBytes)) {}

ProgressBar::~ProgressBar() {
  if (visible_) fmt::print(stderr, "\r\x1b[K");
}

void ProgressBar::advance(std::size_t count) {
  done_ += count;
  const Clock::time_point now = Clock::now();
  if (!visible_ || (now - last_drawn_ < kRedraw && done_ < total_)) return;
  last_drawn_ = now;
  draw();
}

void ProgressBar::restart(std::size_t done, std::size_t total) {
  done_ = done_before_ = done;
  total_ = total;
  start_ = Clock::now();
}

std::string ProgressBar::amounts() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - done_before_) / seconds : 0;
  const bool bytes = unit_ == ProgressUnit::kBytes;
  const auto mb = [](std::size_t count) { return static_cast<double>(count) / 1e6; };
  std::string text =
      bytes ? fmt::format("{:.1f}/{:.1f} MB  {:.1f} MB/s", mb(done_), mb(total_), rate / 1e6)
            : fmt::format("{}/{}  {:.1f}/s", done_, total_, rate);
  if (bytes && rate > 0 && total_ >= done_) {
    text += fmt::format("  {} left", minutes(static_cast<double>(total_ - done_) / rate));
  }
  return text;
}

void ProgressBar::draw() const {
  const std::size_t filled = total_ == 0 ? 0 : std::min(kBarWidth, kBarWidth * done_ / total_);
  fmt::print(stderr, "\r\x1b[K{} [{:#<{}}{:.<{}}] {}", what_, "", filled, "", kBarWidth - filled,
             amounts());
  std::fflush(stderr);
}

}  // namespace nestor
