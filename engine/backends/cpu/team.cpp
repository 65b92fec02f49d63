#include "engine/backends/cpu/team.h"

#include <omp.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <system_error>

#include "engine/check.h"
#include "engine/memory_available.h"

namespace nestor::cpu {

namespace {

struct Team {
  int threads = 0;
  pid_t process = 0;
};

// initial-exec: there from the thread's start on, also in a library that was loaded late. Else
// glibc would allocate it at its first use, and end the process if it could not.
[[gnu::tls_model("initial-exec")]] thread_local Team team;

class Trial {
 public:
  Trial() = default;
  ~Trial() {
    ended_ = true;
    ended_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  void start(int count) {
    threads_.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { ended_.wait(false); });
  }

 private:
  std::atomic<bool> ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

void try_threads(int count) {
  Trial trial;
  trial.start(count);
}

void start_team(int threads) {
  if (threads == 1) return;  // runs without libgomp
  const pid_t process = ::getpid();
  CHECK_AS(
      kUsage, team.process == 0 || team.process == process,
      "this process was forked from one that had run with {} threads, which exist there alone: "
      "run with 1 thread, or in a thread started after the fork, or fork before the first run",
      team.threads);
  if (threads > team.threads) {
    try {
      try_threads(threads - 1);
      require_small_blocks();  // libgomp's, of the team
    } catch (const std::bad_alloc&) {
      fail(ErrorCode::kOutOfMemory, "no memory to start {} threads", threads);
    } catch (const std::system_error& error) {
      fail(ErrorCode::kOutOfMemory, "cannot start {} threads: {}; ask for fewer", threads,
           error.code().message());
    }
#pragma omp parallel num_threads(threads)
    { asm volatile(""); }  // an empty region would be left out
  }
  team = {threads, process};
}

}  // namespace nestor::cpu
