#pragma once
// How long the threads of OpenMP teams spin before they sleep.
//
// At the end of each parallel loop libgomp's threads spin for milliseconds: the fastest way on an
// idle machine, and the slowest by far on a busy one, where they take the cores from the threads
// that they wait for. libgomp has a remedy: if teams have more threads than the process has
// cores, they spin for microseconds. So while the machine is busy (contention.h), a thread of ours
// keeps a team of threads that sleep. No environment variable is touched; if the user has set
// OMP_WAIT_POLICY or GOMP_SPINCOUNT nothing is done at all.

#include <chrono>
#include <memory>
#include <mutex>

#include "engine/backends/cpu/contention.h"

namespace nestor::cpu {

class SleepingTeam;

class Spinning {
 public:
  // The process's one, for a context with `threads`; it ends with the last context. Null if the
  // user has decided.
  static std::shared_ptr<Spinning> of_process(int threads);

  explicit Spinning(int threads);
  ~Spinning();
  Spinning(const Spinning&) = delete;
  Spinning& operator=(const Spinning&) = delete;

  // To be called after each run. Any number of threads may.
  void observe() noexcept;

 private:
  void apply() noexcept;

  const int sleepers_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_look_{};
  Contention contention_;
  std::unique_ptr<SleepingTeam> team_;  // while the machine is busy
};

}  // namespace nestor::cpu
