// Every runtime call of a session's life fails once: load, plan, capture, run, free.

#include <catch2/catch.hpp>
#include <optional>

#include "engine/error.h"
#include "tests/executor/emulated_model.h"

namespace nestor {

namespace {

const test::Images& small_images() {
  static const test::Images images({1, 3, 16, 16}, 1);
  return images;
}

const test::Images& large_images() {
  static const test::Images images({2, 3, 32, 32}, 2);
  return images;
}

// The parts of a session's life; each gives the same result whenever it is lived.
using Part = std::vector<float> (*)(Session& session);
constexpr Part kLife[] = {
    [](Session& session) { return test::run(session, small_images().view()); },
    // Takes a larger arena.
    [](Session& session) { return test::run(session, large_images().view()); },
    [](Session& session) {
      session.profile(small_images().view());
      return test::run(session, small_images().view());
    },
};

struct Outcome {
  std::optional<ErrorCode> error, last_error;  // the first, and the last one
  bool worked_again = false;                   // after all that
  std::vector<float> result;                   // of the last run that worked
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
    try {
      if (!session) session.emplace(model, SessionOptions{});
      outcome.result = part(*session);
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
  CHECK(outcome.calls > 100);
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
      CHECK(outcome.result == whole.result);
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
  for (const DeviceCode code :
       {DeviceCode::kNoDevice, DeviceCode::kFailed, DeviceCode::kDeviceLost}) {
    simt::fail_next_open(code);
    CHECK_THROWS_AS(test::emulated_model(test::small_graph, 70), Error);
  }
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
