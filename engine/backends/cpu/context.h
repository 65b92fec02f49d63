#pragma once
// What a session's thread runs CPU steps with.

#include <omp.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <type_traits>

#include "engine/backend.h"
#include "engine/backends/cpu/onednn.h"
#include "engine/backends/cpu/spinning.h"
#include "engine/backends/cpu/subnormals.h"
#include "engine/backends/cpu/team.h"

namespace nestor::cpu {

class CpuContext : public ExecutionContext {
 public:
  explicit CpuContext(int threads) : threads_(threads), stream_(engine()), subnormals_(threads) {}

  int threads() const { return threads_; }
  const dnnl::stream& stream() const { return stream_; }

  // The first call of each run.
  void upload(void* dst, const void* src, std::size_t bytes) override {
    start_team(threads_);
    if (threads_ > 1 && spinning_ == nullptr) spinning_ = Spinning::of_process(threads_);
    subnormals_.begin();
    std::memcpy(dst, src, bytes);
  }
  void run(StepKernels steps, std::unique_ptr<Recording>&) override {
    for (const auto& step : steps) step->run(*this);
  }
  void download(std::span<const Download>) override {}  // the host reads the arena
  std::vector<double> time_steps(StepKernels steps) override {
    using Clock = std::chrono::steady_clock;
    std::vector<double> milliseconds;
    for (const auto& step : steps) {
      const Clock::time_point start = Clock::now();
      step->run(*this);
      milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    return milliseconds;
  }

 private:
  void begin() noexcept override { scope_.emplace(threads_); }
  void end() noexcept override {
    subnormals_.end();
    scope_.reset();
    if (spinning_ != nullptr) spinning_->observe();
  }

  int threads_;
  dnnl::stream stream_;
  FlushedSubnormals subnormals_;
  std::optional<ThreadScope> scope_;
  std::shared_ptr<Spinning> spinning_;
};

// Calls work(i), or work(i, thread) with a thread in [0, threads), for i in [0, count) in the
// OpenMP team that oneDNN uses too: a second pool beside it would spin against it. Which thread
// runs which i never shows in a result.
template <class Work>
void parallel_for(int threads, std::int64_t count, const Work& work) {
  const auto call = [&](std::int64_t i, int thread) {
    if constexpr (std::is_invocable_v<const Work&, std::int64_t, int>) {
      work(i, thread);
    } else {
      work(i);
    }
  };
  if (threads == 1 || count == 1) {
    // Not omp_get_thread_num(): the caller may be a thread of a team of its own.
    for (std::int64_t i = 0; i < count; ++i) call(i, 0);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (std::int64_t i = 0; i < count; ++i) call(i, omp_get_thread_num());
}

}  // namespace nestor::cpu
