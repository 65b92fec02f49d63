// Every runtime call of a session's life fails once: load, plan, capture, run, free.

#include <catch2/catch.hpp>
#include <optional>

#include "engine/session_internals.h"
#include "nestor/error.h"
#include "tests/executor/caller_memory.h"
#include "tests/executor/emulated_model.h"

namespace nestor {

namespace {

const test::Images& small_images() {
  static const test::Images images({1, 3, 16, 16}, 1);
  return images;
}

const test::Images& large_images() {
  static const test::Images images({2, 3, 24, 16}, 2);
  return images;
}

void append(std::vector<float>& results, std::span<const Session::Output> outputs) {
  const std::vector<float> logits = test::elements(outputs[0].tensor);
  results.insert(results.end(), logits.begin(), logits.end());
}

// Collects at its end what is still pending; a batch that fails is no longer.
class Drained {
 public:
  explicit Drained(Session& session) : session_(session) {}
  ~Drained() {
    while (session_.num_pending() > 0) {
      try {
        session_.collect();
      } catch (const Error&) {  // told of by the test's next attempt
      }
    }
  }
  Drained(const Drained&) = delete;
  Drained& operator=(const Drained&) = delete;

 private:
  Session& session_;
};

// The parts of a session's life; each gives the same result whenever it is lived.
using Part = std::vector<float> (*)(Session& session);
constexpr Part kLife[] = {
    [](Session& session) { return test::run(session, small_images().view()); },
    // Takes a larger arena.
    [](Session& session) { return test::run(session, large_images().view()); },
    [](Session& session) {
      SessionInternals::profile(session, small_images().view());
      return test::run(session, small_images().view());
    },
    // Two shapes in flight, twice each.
    [](Session& session) {
      const Drained drained(session);
      std::vector<float> results;
      for (int i = 0; i < 4; ++i) {
        if (session.num_pending() == session.num_slots()) append(results, session.collect());
        session.submit((i % 2 == 0 ? small_images() : large_images()).view());
      }
      while (session.num_pending() > 0) append(results, session.collect());
      return results;
    },
    // On a stream of the caller's, and behind it on the session's own.
    [](Session& session) {
      simt::EmulatedRuntime& runtime = *simt::last_runtime();
      const test::CallerStream stream(runtime);
      test::CallerRun once(runtime, small_images().view(), {std::vector<float>(10)});
      test::CallerRun again(runtime, large_images().view(), {std::vector<float>(20)});
      once.enqueue(session, stream, {});
      again.enqueue(session, stream, {});
      std::vector<float> results = test::run(session, small_images().view());
      stream.synchronize();
      for (const test::CallerRun* run : {&once, &again}) {
        const std::vector<float>& logits = run->results()[0];
        results.insert(results.end(), logits.begin(), logits.end());
      }
      return results;
    },
};

struct Outcome {
  std::optional<ErrorCode> error, last_error;  // the first, and the last one
  bool worked_again = false;                   // after all that
  std::vector<std::vector<float>> results;     // of each part, where it worked
  std::int64_t calls = 0;                      // before the end
};

// The n-th call from now fails with `code` (0: none does). A session that got an error is used
// again.
Outcome live(std::int64_t n, DeviceCode code) {
  const auto model = test::emulated_model(test::small_graph, 70);
  simt::last_runtime()->fail_call(n, code);
  Outcome outcome;
  std::optional<Session> session;
  const auto attempt = [&](Part part) {
    outcome.results.emplace_back();
    try {
      if (!session) session.emplace(model, SessionOptions{});
      outcome.results.back() = part(*session);
      return true;
    } catch (const Error& error) {
      if (!outcome.error) outcome.error = error.code();
      outcome.last_error = error.code();
      return false;
    }
  };
  for (const Part part : kLife) attempt(part);
  outcome.worked_again =
      attempt(kLife[0]) || attempt(kLife[0]);  // the first may be the one to fail
  outcome.calls = simt::last_runtime()->num_calls();
  return outcome;
}

}  // namespace

TEST_CASE("faults: a life without them leaks nothing", "[simt][executor][faults]") {
  const std::int64_t leaked = simt::EmulatedRuntime::num_leaked_objects();
  const Outcome outcome = live(0, DeviceCode::kOk);
  CHECK(!outcome.error);
  CHECK(outcome.calls > 200);
  CHECK(simt::EmulatedRuntime::num_leaked_objects() == leaked);
}

TEST_CASE("faults: whatever call fails, the session is told and works on",
          "[simt][executor][faults]") {
  const Outcome whole = live(0, DeviceCode::kOk);
  // Behind these calls come those that give everything back.
  const std::int64_t calls = whole.calls + 30;
  int errors = 0;
  for (const DeviceCode code : {DeviceCode::kFailed, DeviceCode::kOutOfMemory}) {
    for (std::int64_t n = 1; n <= calls; ++n) {
      INFO("call " << n << " of " << calls);
      const std::int64_t leaked = simt::EmulatedRuntime::num_leaked_objects();
      const Outcome outcome = live(n, code);
      CHECK(outcome.worked_again);
      for (std::size_t part = 0; part < std::size(kLife); ++part) {
        const std::vector<float>& result = outcome.results[part];
        CHECK((result.empty() || result == whole.results[part]));
      }
      CHECK(outcome.results.back() == whole.results[0]);
      const std::int64_t lost = simt::EmulatedRuntime::num_leaked_objects() - leaked;
      if (outcome.error) {
        ++errors;
        CHECK(lost == 0);
        const bool typed =
            *outcome.error == ErrorCode::kInternal || *outcome.error == ErrorCode::kOutOfMemory;
        CHECK(typed);
      } else {
        CHECK(lost <= 1);  // the failing call was to give something back
      }
    }
  }
  CHECK(errors > whole.calls);
  WARN(calls << " calls, each failed in 2 ways: " << errors << " errors, all of them survived");
}

TEST_CASE("faults: a device that cannot be opened is refused, and can be opened later",
          "[simt][executor][faults]") {
  const std::int64_t leaked = simt::EmulatedRuntime::num_leaked_objects();
  const auto refused_as = [](DeviceCode code) {
    simt::fail_next_open(code);
    try {
      test::emulated_model(test::small_graph, 70);
    } catch (const Error& error) {
      return error.code();
    }
    FAIL("the device was opened");
    return ErrorCode::kInternal;
  };
  CHECK((refused_as(DeviceCode::kNoDevice) == ErrorCode::kUnsupported));  // "auto" takes the CPU
  CHECK((refused_as(DeviceCode::kFailed) == ErrorCode::kInternal));
  CHECK((refused_as(DeviceCode::kDeviceLost) == ErrorCode::kDeviceLost));
  static_cast<void>(test::emulated_model(test::small_graph, 70));
  CHECK(simt::EmulatedRuntime::num_leaked_objects() == leaked);
}

TEST_CASE("faults: a lost device stays lost, and says so", "[simt][executor][faults]") {
  const std::int64_t calls = live(0, DeviceCode::kOk).calls;
  for (std::int64_t n = 1; n < calls; ++n) {
    INFO("call " << n << " of " << calls);
    const Outcome outcome = live(n, DeviceCode::kDeviceLost);
    CHECK_FALSE(outcome.worked_again);
    REQUIRE(outcome.last_error);
    CHECK(*outcome.last_error == ErrorCode::kDeviceLost);
  }
}

}  // namespace nestor
