#include <cxxabi.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

namespace {

Counts total_counts;
std::mutex warnings_mutex;
std::set<std::string> warnings;

}  // namespace

GlobalRaces global_races;

void warn(const std::string& what) {
  const std::lock_guard lock(warnings_mutex);
  if (warnings.insert(what).second)
    std::fprintf(stderr, "ptx machine: warning: %s\n", what.c_str());
}

const Counts& counts() { return total_counts; }

std::string demangle(const std::string& name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  for (const char* noise : {"nestor::", "(anonymous namespace)::"}) {
    for (std::size_t at = result.find(noise); at != std::string::npos; at = result.find(noise)) {
      result.erase(at, std::strlen(noise));
    }
  }
  return result;
}

void execute(const Launch& launch) {
  const Kernel& kernel = *launch.kernel;
  if (!kernel.error.empty()) throw Fault(demangle(kernel.name) + ": " + kernel.error);
  if (!kernel.unset_names.empty()) {
    std::string names;
    for (std::size_t i = 0; i < kernel.unset_names.size() && i < 6; ++i)
      names += " " + kernel.unset_names[i];
    warn(demangle(kernel.name) + ": registers that may be read before they are written:" + names);
  }
  const auto begin = std::chrono::steady_clock::now();
  const u64 num_blocks = u64{launch.grid[0]} * launch.grid[1] * launch.grid[2];
  // A shuffled order: a step that has no divisor in common with their number.
  static std::atomic<u64> launches{0};
  std::mt19937_64 random(options().seed * 0x9e3779b97f4a7c15ull + launches++);
  u64 step = num_blocks == 1 ? 1 : random() % num_blocks | 1;
  while (std::gcd(step, num_blocks) != 1) ++step;
  const u64 first = random() % num_blocks;
  std::atomic<u64> taken{0};
  std::atomic<bool> failed{false};
  const auto next = [&](u32* index) {
    const u64 i = taken++;
    if (i >= num_blocks || failed) return false;
    const u64 block = static_cast<u64>((static_cast<u128>(i) * step + first) % num_blocks);
    index[0] = static_cast<u32>(block % launch.grid[0]);
    index[1] = static_cast<u32>(block / launch.grid[0] % launch.grid[1]);
    index[2] = static_cast<u32>(block / launch.grid[0] / launch.grid[1]);
    return true;
  };
  if (options().global_races) global_races.start_launch();
  std::mutex mutex;
  std::exception_ptr error;
  const auto cpu_seconds = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  };
  const auto work = [&](u64 seed) {
    const double cpu_begin = cpu_seconds();
    Executor executor(launch, seed);
    try {
      executor.run_blocks(next);
    } catch (...) {
      const std::lock_guard lock(mutex);
      failed = true;
      if (error == nullptr) error = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    total_counts.cpu_seconds += cpu_seconds() - cpu_begin;
    total_counts.blocks += executor.num_blocks();
    total_counts.thread_instructions += executor.thread_instructions();
    total_counts.warp_instructions += executor.warp_instructions();
  };
  const int threads =
      static_cast<int>(std::min<u64>(static_cast<u64>(options().threads), num_blocks));
  const u64 seed = random();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, seed + static_cast<u64>(i));
  work(seed);
  for (std::thread& thread : others) thread.join();
  ++total_counts.launches;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  total_counts.seconds += seconds;
  if (std::getenv("PTX_TRACE") != nullptr) {
    std::fprintf(stderr, "ptx machine: %s <<<(%u, %u, %u), %u>>> %.3f s\n",
                 demangle(kernel.name).c_str(), launch.grid[0], launch.grid[1], launch.grid[2],
                 launch.block[0], seconds);
  }
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace nestor::ptx
