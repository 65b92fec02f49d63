#include "apps/common/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>

namespace nestor {

namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::chrono::milliseconds kRedraw{100};

}  // namespace

ProgressBar::ProgressBar(std::string what, std::size_t total)
    : what_(std::move(what)), total_(total), visible_(::isatty(STDERR_FILENO) == 1 && total > 1) {}

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

void ProgressBar::draw() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_) / seconds : 0;
  const std::size_t filled = kBarWidth * done_ / total_;
  fmt::print(stderr, "\r\x1b[K{} [{:#<{}}{:.<{}}] {}/{}  {:.1f}/s", what_, "", filled, "",
             kBarWidth - filled, done_, total_, rate);
  std::fflush(stderr);
}

}  // namespace nestor
