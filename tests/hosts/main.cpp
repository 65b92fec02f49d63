// A program that embeds the library, on hosts where things fail:
//
//   nestor_hosts allocations MODEL THREADS FIRST STEP only|all
//   nestor_hosts threads MODEL THREADS MEGABYTES
//   nestor_hosts fork MODEL THREADS
//
// "allocations": in a process of its own each, load, plan and run with the FIRST, FIRST + STEP, ...
// allocation failing, alone or with all after it; then the same without failures, to the same
// result. A negative FIRST counts from the last allocation. Prints {"allocations", "tried",
// "errors", "succeeded", "died", ...} as JSON. Where a process died, it is told whose allocation
// had failed. "threads": a run with so much address space beyond what there is. "fork": a run, then
// another in a forked process and in a thread of that one.

#include <dlfcn.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nestor/nestor_c.h"
#include "tests/support/allocations.h"

namespace {

using nestor::test::FailingAllocations;

constexpr std::int64_t kShape[4] = {1, 3, 64, 64};
constexpr unsigned kMostSeconds = 120;
constexpr int kWrong = 41, kRetryFails = 42;

enum class Owner : char { kNestor = 'n', kOneDnn = 'd', kOpenMp = 'g', kNone = '-' };

struct Host {
  nestor_model* model = nullptr;
  nestor_session* session = nullptr;
  std::vector<float> input = std::vector<float>(3 * 64 * 64);
  std::array<float, 10> result{};

  Host() {
    for (std::size_t i = 0; i < input.size(); ++i) {
      input[i] = static_cast<float>(i * 7919 % 255) / 128 - 1;
    }
  }

  // Makes what there is not yet, and runs.
  nestor_status run(const char* path, int threads) {
    if (model == nullptr) {
      if (const nestor_status status = nestor_model_load(path, "cpu", &model)) return status;
    }
    if (session == nullptr) {
      nestor_session_options options = NESTOR_SESSION_OPTIONS_INIT;
      options.threads = threads;
      const nestor_status status = nestor_session_create(model, &options, &session);
      if (status != NESTOR_OK) return status;
    }
    nestor_tensor images = NESTOR_TENSOR_INIT;
    images.data = input.data();
    images.rank = 4;
    std::ranges::copy(kShape, images.shape);
    if (const nestor_status status = nestor_session_run(session, &images, nullptr, 0)) {
      return status;
    }
    nestor_tensor output = NESTOR_TENSOR_INIT;
    if (const nestor_status status = nestor_session_output(session, 0, &output)) return status;
    std::copy_n(static_cast<const float*>(output.data),
                std::min<std::size_t>(result.size(), output.shape[1]), result.begin());
    return NESTOR_OK;
  }

  ~Host() {
    nestor_session_free(session);
    nestor_model_free(model);
  }
};

// --- allocations --------------------------------------------------------------------------------

int owner_pipe = -1;

// oneDNN's wherever oneDNN is in the chain of calls; else the nearest of ours and libgomp.
Owner owner_of_call() {
  std::array<void*, 64> frames{};
  const int depth = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  Owner nearest = Owner::kNone;
  for (int i = 0; i < depth; ++i) {
    Dl_info info{};
    if (::dladdr(frames[static_cast<std::size_t>(i)], &info) == 0) continue;
    const std::string_view file(info.dli_fname);
    if (file.find("libdnnl") != std::string_view::npos) return Owner::kOneDnn;
    if (nearest != Owner::kNone) continue;
    if (file.find("libnestor") != std::string_view::npos) nearest = Owner::kNestor;
    if (file.find("libgomp") != std::string_view::npos) nearest = Owner::kOpenMp;
  }
  return nearest;
}

void tell_owner() {
  const auto owner = static_cast<char>(owner_of_call());
  static_cast<void>(!::write(owner_pipe, &owner, 1));
}

struct Trial {
  bool died = false, wrong = false, retry_failed = false;
  nestor_status status = NESTOR_OK;
  Owner owner = Owner::kNone;
};

[[noreturn]] void try_in_child(const char* path, int threads, std::int64_t nth, bool only,
                               const std::array<float, 10>& expected, int report) {
  ::alarm(kMostSeconds);
  owner_pipe = report;
  nestor::test::at_first_failure(tell_owner);
  Host host;
  nestor_status status = NESTOR_OK;
  {
    const FailingAllocations failing(nth, only);
    status = host.run(path, threads);
  }
  const auto told = static_cast<char>('0' + status);
  static_cast<void>(!::write(report, &told, 1));
  if (status == NESTOR_OK && host.result != expected) ::_exit(kWrong);
  if (host.run(path, threads) != NESTOR_OK) {
    fmt::print(stderr, "run after failed allocation {}: {}\n", nth, nestor_last_error());
    ::_exit(kRetryFails);
  }
  ::_exit(host.result == expected ? 0 : kWrong);
}

Trial try_one(const char* path, int threads, std::int64_t nth, bool only,
              const std::array<float, 10>& expected) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) try_in_child(path, threads, nth, only, expected, ends[1]);
  ::close(ends[1]);
  Trial trial;
  for (char told = 0; ::read(ends[0], &told, 1) == 1;) {
    if (told >= '0' && told <= '9') {
      trial.status = static_cast<nestor_status>(told - '0');
    } else {
      trial.owner = static_cast<Owner>(told);
    }
  }
  ::close(ends[0]);
  int ended = 0;
  ::waitpid(child, &ended, 0);
  const int code = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
  trial.wrong = code == kWrong;
  trial.retry_failed = code == kRetryFails;
  trial.died = code != 0 && !trial.wrong && !trial.retry_failed;
  return trial;
}

// The result and the number of allocations where none fails, of a process of its own: a fork of
// one that has run could not run with a team.
std::int64_t undisturbed(const char* path, int threads, std::array<float, 10>& result) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  std::int64_t count = 0;
  if (::fork() == 0) {
    Host host;
    const FailingAllocations counting(std::int64_t{1} << 60);
    if (host.run(path, threads) != NESTOR_OK) ::_exit(1);
    count = counting.count();
    static_cast<void>(!::write(ends[1], &count, sizeof count));
    static_cast<void>(!::write(ends[1], host.result.data(), sizeof result));
    ::_exit(0);
  }
  ::close(ends[1]);
  const bool good = ::read(ends[0], &count, sizeof count) == sizeof count &&
                    ::read(ends[0], result.data(), sizeof result) == sizeof result;
  ::close(ends[0]);
  ::wait(nullptr);
  return good ? count : 0;
}

int fail_allocations(const char* path, int threads, std::int64_t first, std::int64_t step,
                     bool only) {
  std::array<void*, 4> unused{};
  ::backtrace(unused.data(), 4);  // loads what it needs, which allocates
  std::array<float, 10> expected{};
  const std::int64_t count = undisturbed(path, threads, expected);
  if (first < 0) first = std::max<std::int64_t>(1, count + 1 + first);
  int tried = 0, errors = 0, succeeded = 0, wrong = 0, retry_failed = 0;
  int died_nestor = 0, died_onednn = 0, died_openmp = 0, died_elsewhere = 0;
  std::string places;
  for (std::int64_t nth = first; nth <= count; nth += step) {
    const Trial trial = try_one(path, threads, nth, only, expected);
    ++tried;
    wrong += trial.wrong;
    retry_failed += trial.retry_failed;
    if (!trial.died) {
      ++(trial.status == NESTOR_OK ? succeeded : errors);
      continue;
    }
    switch (trial.owner) {
      case Owner::kNestor: ++died_nestor; break;
      case Owner::kOneDnn: ++died_onednn; break;
      case Owner::kOpenMp: ++died_openmp; break;
      case Owner::kNone: ++died_elsewhere; break;
    }
    if (trial.owner != Owner::kOneDnn)
      places += fmt::format("{}{}", places.empty() ? "" : ", ", nth);
  }
  fmt::print(
      "{{\"allocations\": {}, \"tried\": {}, \"errors\": {}, \"succeeded\": {}, \"wrong\": {}, "
      "\"retry_failed\": {}, \"died\": {{\"nestor\": {}, \"onednn\": {}, \"openmp\": {}, "
      "\"elsewhere\": {}}}, \"places\": [{}]}}\n",
      count, tried, errors, succeeded, wrong, retry_failed, died_nestor, died_onednn, died_openmp,
      died_elsewhere, places);
  return 0;
}

// --- threads and forks --------------------------------------------------------------------------

void say(const char* which, nestor_status status) {
  fmt::print("{}: {} {}\n", which, nestor_status_name(status),
             status == NESTOR_OK ? "" : nestor_last_error());
  std::fflush(stdout);
}

rlim_t address_space() {
  std::ifstream file("/proc/self/statm");
  rlim_t pages = 0;
  file >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

int lack_threads(const char* path, int threads, int megabytes) {
  Host host;
  say("one thread", host.run(path, 1));
  nestor_session_free(host.session);
  host.session = nullptr;
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  const rlimit before = limit;
  limit.rlim_cur = address_space() + (static_cast<rlim_t>(megabytes) << 20);
  ::setrlimit(RLIMIT_AS, &limit);
  say("without room", host.run(path, threads));
  ::setrlimit(RLIMIT_AS, &before);
  say("with room", host.run(path, threads));
  return 0;
}

int run_in_forked(const char* path, int threads) {
  Host host;
  say("parent", host.run(path, threads));
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kMostSeconds);
    say("child", host.run(path, threads));
    Host other;
    std::thread([&] { say("child's thread", other.run(path, threads)); }).join();
    Host single;
    say("child, one thread", single.run(path, 1));
    std::fflush(stdout);
    ::_exit(0);
  }
  int ended = 0;
  ::waitpid(child, &ended, 0);
  say("parent again", host.run(path, threads));
  return WIFEXITED(ended) ? WEXITSTATUS(ended) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv, argv + argc);
  const auto number = [&](std::size_t idx) { return std::atoi(argv[idx]); };
  if (argc == 7 && arguments[1] == "allocations") {
    return fail_allocations(argv[2], number(3), number(4), number(5), arguments[6] == "only");
  }
  if (argc == 5 && arguments[1] == "threads") return lack_threads(argv[2], number(3), number(4));
  if (argc == 4 && arguments[1] == "fork") return run_in_forked(argv[2], number(3));
  fmt::print(stderr, "nestor_hosts: see the head of tests/hosts/main.cpp\n");
  return 2;
}
