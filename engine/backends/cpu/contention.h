#pragma once
// Whether other work competes for the cores of this process.

#include <chrono>
#include <cstdint>

namespace nestor::cpu {

// Told from how often the system took a core from a thread of this process that could have gone on
// (an involuntary context switch), for every second of CPU time: hardly ever on an idle machine,
// hundreds of times on a busy one. Busy until the contrary shows.
class Contention {
 public:
  bool is_busy() const { return busy_; }

  // Both counted since the process began, of all its threads.
  void update(std::chrono::microseconds cpu_time, std::int64_t switches);

 private:
  std::chrono::microseconds cpu_time_{0};
  std::int64_t switches_ = 0;
  int quiet_windows_ = 0;
  bool busy_ = true, begun_ = false;
};

}  // namespace nestor::cpu
