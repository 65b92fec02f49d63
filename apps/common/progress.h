#pragma once
// A progress bar for long work, on a terminal only.

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace nestor {

enum class ProgressUnit { kItems, kBytes };

// Writes to standard error, if that is a terminal; erases itself at the end.
class ProgressBar {
 public:
  // Nothing is drawn for a single item; a total of 0 bytes is an unknown one.
  ProgressBar(std::string what, std::size_t total, ProgressUnit unit = ProgressUnit::kItems);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(std::size_t count);

  // From now on `done` of `total` are done; those before do not count for the rate.
  void restart(std::size_t done, std::size_t total);

  // Erases the bar, so that a message can be written; the next advance() draws it again.
  void erase();

 private:
  using Clock = std::chrono::steady_clock;
  void draw() const;

  std::string what_;
  std::size_t total_, done_ = 0, done_before_ = 0;
  ProgressUnit unit_;
  bool visible_;
  Clock::time_point start_ = Clock::now(), last_drawn_;
};

// The bar's text in at most `columns` characters: "classifying [###...] 12/40  8.1/s  0:03 left".
// Where there is little room the bar itself goes first, then the time left, then the rate.
struct ProgressState {
  std::string_view what;
  std::size_t done = 0, total = 0;
  double rate = 0;  // a second; 0: not known yet
  ProgressUnit unit = ProgressUnit::kItems;
};
std::string progress_line(const ProgressState& state, std::size_t columns);

}  // namespace nestor
