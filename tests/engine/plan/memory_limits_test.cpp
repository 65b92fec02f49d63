#include "engine/plan/memory_limits.h"

#include <catch2/catch.hpp>

#include "engine/model.h"
#include "engine/session_internals.h"
#include "tests/support/model.h"
#include "tests/support/weight_files.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

using Catch::Contains;

// Two buffers of 100 and 8 bytes, the second one an output, in an arena of 128.
Plan small_plan(const std::string& device) {
  Plan plan{.key = {.device = device},
            .buffers = {{.name = "x", .shape = {1, 3, 5, 5}, .bytes = 100},
                        {.name = "y", .shape = {1, 2}, .bytes = 8}}};
  plan.input = 0;
  plan.outputs = {{"y", 1}};
  plan.arena_bytes = 128;
  return plan;
}

bool fits(const Plan& plan, bool on_device, std::uint64_t host, std::uint64_t device) {
  const SessionOptions options{.host_memory_limit = host, .device_memory_limit = device};
  try {
    require_within_limits(plan, /*weight_bytes=*/1000, on_device, options);
    return true;
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kOutOfMemory);
    return false;
  }
}

std::string refusal(Session& session, const test::Images& images) {
  const auto [code, message] = test::error_of([&] { session.run(images.view()); });
  CHECK(code == ErrorCode::kOutOfMemory);
  return message;
}

}  // namespace

TEST_CASE("memory limits: a CPU's plan takes the host's memory, with its weights", "[plan][cpu]") {
  const Plan plan = small_plan("cpu");
  CHECK(fits(plan, false, 0, 0));
  CHECK(fits(plan, false, 1128, 1));
  CHECK_FALSE(fits(plan, false, 1127, 0));
}

TEST_CASE("memory limits: a GPU's plan takes the host's memory for its outputs", "[plan][cpu]") {
  const Plan plan = small_plan("cuda:0");
  CHECK(fits(plan, true, 8, 1128));
  CHECK_FALSE(fits(plan, true, 7, 0));
  CHECK_FALSE(fits(plan, true, 0, 1127));
}

TEST_CASE("memory limits: a session refuses a plan that needs more and runs others",
          "[plan][session][cpu]") {
  const auto model = test::random_model(test::graph_of_network("resnest14"));
  const test::Images small({1, 3, 32, 40}), large({16, 3, 64, 40});
  const Shape small_shape{1, 3, 32, 40};
  std::size_t needed = 0;
  {
    Session session(model, {.threads = 1});
    needed = SessionInternals::plan(session, small_shape).arena_bytes;
  }
  needed += model->backend().loaded_weight_bytes();
  Session session(model, {.threads = 1, .host_memory_limit = needed});
  CHECK(session.run(small.view()).size() == 1);
  CHECK_THAT(refusal(session, large),
             Contains("[16, 3, 64, 40]") && Contains("the limit is " + std::to_string(needed)));
  CHECK(session.run(small.view()).size() == 1);
  Session tight(model, {.threads = 1, .host_memory_limit = needed - 1});
  CHECK_THAT(refusal(tight, small), Contains("needs " + std::to_string(needed) + " bytes"));
}

TEST_CASE("memory limits: a plan that cannot fit is refused before weights are loaded",
          "[plan][session][cpu]") {
  const auto model = test::random_model(test::graph_of_network("resnest14"));
  Session session(model, {.threads = 1, .host_memory_limit = 1});
  CHECK_THAT(refusal(session, test::Images({1, 3, 32, 40})), Contains("the limit is 1 bytes"));
  CHECK(model->backend().loaded_weight_bytes() == 0);
}

}  // namespace nestor
