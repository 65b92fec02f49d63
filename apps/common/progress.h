#pragma once
// A progress bar for long work, on a terminal only.

#include <chrono>
#include <cstddef>
#include <string>

namespace nestor {

// Writes to standard error, and only where that is a terminal; erases itself at the end.
class ProgressBar {
 public:
  ProgressBar(std::string what, std::size_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(std::size_t count);

 private:
  using Clock = std::chrono::steady_clock;
  void draw() const;

  std::string what_;
  std::size_t total_, done_ = 0;
  bool visible_;
  Clock::time_point start_ = Clock::now(), last_drawn_;
};

}  // namespace nestor
