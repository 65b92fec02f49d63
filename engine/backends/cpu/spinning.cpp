#include "engine/backends/cpu/spinning.h"

#include <omp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <thread>

#include "engine/backends/cpu/team.h"

namespace nestor::cpu {

namespace {

constexpr std::chrono::milliseconds kBetweenLooks{20}, kAfterFailure{10'000};

std::chrono::microseconds in_microseconds(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

bool user_has_decided() {
  return std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr;
}

}  // namespace

// A thread with a team, all asleep as long as this lives.
class SleepingTeam {
 public:
  explicit SleepingTeam(int sleepers) : process_(::getpid()) {
    try_threads(sleepers + 1);
    owner_ = std::make_unique<std::thread>([this, num_threads = sleepers + 1] {
      [[maybe_unused]] const int team = num_threads;  // clang, with libgomp, ignores the pragma
#pragma omp parallel num_threads(team)
      { asm volatile(""); }  // an empty region would be left out
      ended_.wait(false);
    });
  }
  ~SleepingTeam() {
    if (::getpid() != process_) {  // forked: the thread exists in the parent alone
      static_cast<void>(owner_.release());
      return;
    }
    ended_ = true;
    ended_.notify_all();
    owner_->join();
  }
  SleepingTeam(const SleepingTeam&) = delete;
  SleepingTeam& operator=(const SleepingTeam&) = delete;

 private:
  const pid_t process_;
  std::atomic<bool> ended_ = false;
  std::unique_ptr<std::thread> owner_;
};

std::shared_ptr<Spinning> Spinning::of_process(int threads) {
  static std::mutex mutex;
  static std::weak_ptr<Spinning> kept;
  if (user_has_decided()) return nullptr;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Spinning> spinning = kept.lock();
  if (spinning == nullptr) {
    spinning = std::make_shared<Spinning>(threads);
    kept = spinning;
  }
  return spinning;
}

// One more thread in teams than there are cores; a team's first thread is not counted.
Spinning::Spinning(int threads) : sleepers_(std::max(1, omp_get_num_procs() + 2 - threads)) {
  apply();
}

Spinning::~Spinning() = default;

void Spinning::observe() noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  const auto now = std::chrono::steady_clock::now();
  if (!lock.owns_lock() || now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return;
  contention_.update(in_microseconds(usage.ru_utime) + in_microseconds(usage.ru_stime),
                     usage.ru_nivcsw);
  apply();
}

void Spinning::apply() noexcept {
  if (contention_.is_busy() == (team_ != nullptr)) return;
  if (!contention_.is_busy()) return team_.reset();
  try {
    team_ = std::make_unique<SleepingTeam>(sleepers_);
  } catch (const std::exception&) {  // no more threads, or no memory: the teams go on spinning
    next_look_ = std::chrono::steady_clock::now() + kAfterFailure;
  }
}

}  // namespace nestor::cpu
