#include "apps/common/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "apps/common/terminal.h"

namespace nestor {

namespace {

constexpr std::size_t kBarWidth = 30, kSmallestBar = 8;
constexpr std::chrono::milliseconds kRedraw{100};

std::string minutes(double seconds) {
  const auto whole = static_cast<long>(std::min(seconds, 359'999.0));
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string amount(const ProgressState& state) {
  if (state.unit == ProgressUnit::kItems) return fmt::format("{}/{}", state.done, state.total);
  const auto mb = [](std::size_t count) { return static_cast<double>(count) / 1e6; };
  return fmt::format("{:.1f}/{:.1f} MB", mb(state.done), mb(state.total));
}

std::string rate(const ProgressState& state) {
  if (state.unit == ProgressUnit::kBytes) return fmt::format("  {:.1f} MB/s", state.rate / 1e6);
  return state.rate > 0 ? fmt::format("  {:.1f}/s", state.rate) : "";
}

std::string time_left(const ProgressState& state) {
  if (state.rate <= 0 || state.total < state.done) return "";
  return fmt::format("  {} left",
                     minutes(static_cast<double>(state.total - state.done) / state.rate));
}

std::string bar(const ProgressState& state, std::size_t width) {
  const std::size_t filled =
      state.total == 0 ? 0 : std::min(width, width * state.done / state.total);
  return fmt::format(" [{:#<{}}{:.<{}}]", "", filled, "", width - filled);
}

}  // namespace

std::string progress_line(const ProgressState& state, std::size_t columns) {
  constexpr std::size_t kFrame = 3;  // a space and two brackets
  std::string text = " " + amount(state);
  for (const std::string& part : {rate(state), time_left(state)}) {
    if (state.what.size() + text.size() + part.size() <= columns) text += part;
  }
  const std::size_t used = state.what.size() + text.size() + kFrame;
  const std::size_t room = columns > used ? std::min(columns - used, kBarWidth) : 0;
  const std::string line =
      std::string(state.what) + (room >= kSmallestBar ? bar(state, room) : "") + text;
  return line.substr(0, columns);
}

ProgressBar::ProgressBar(std::string what, std::size_t total, ProgressUnit unit)
    : what_(std::move(what)),
      total_(total),
      unit_(unit),
      visible_(::isatty(STDERR_FILENO) == 1 && (total > 1 || unit == ProgressUnit::kBytes)) {}

ProgressBar::~ProgressBar() { erase(); }

void ProgressBar::erase() {
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

void ProgressBar::draw() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - done_before_) / seconds : 0;
  const ProgressState state{what_, done_, total_, rate, unit_};
  // The last column stays free: some terminals go to the next line when it is written.
  const std::size_t columns = std::max<std::size_t>(terminal_columns(STDERR_FILENO), 2) - 1;
  fmt::print(stderr, "\r\x1b[K{}", progress_line(state, columns));
  std::fflush(stderr);
}

}  // namespace nestor
