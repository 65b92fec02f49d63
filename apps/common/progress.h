#pragma once
// A progress bar for long work, on a terminal only.

#include <chrono>
#include <cstddef>
#include <string>

namespace nestor {

enum class ProgressUnit { kItems, kBytes };

// Writes to standard error, and only where that is a terminal; erases itself at the end.
class ProgressBar {
 public:
  // Of one item nothing is drawn; a total of 0 bytes is an unknown one.
  ProgressBar(std::string what, std::size_t total, ProgressUnit unit = ProgressUnit::kItems);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(std::size_t count);

  // From now on `done` of `total` are done; those before do not count for the rate.
  void restart(std::size_t done, std::size_t total);

 private:
  using Clock = std::chrono::steady_clock;
  void draw() const;
  std::string amounts() const;

  std::string what_;
  std::size_t total_, done_ = 0, done_before_ = 0;
  ProgressUnit unit_;
  bool visible_;
  Clock::time_point start_ = Clock::now(), last_drawn_;
};

}  // namespace nestor
