#include "engine/plan/memory_planner.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/support/random.h"

namespace nestor {

namespace {

std::size_t aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// The most that is live at once, worked out step by step.
std::size_t most_live(const std::vector<MemoryRequest>& requests, int steps) {
  std::size_t most = 0;
  for (int step = 0; step < steps; ++step) {
    std::size_t live = 0;
    for (const MemoryRequest& r : requests) {
      if (r.first_step <= step && step <= r.last_step) live += aligned(r.bytes);
    }
    most = std::max(most, live);
  }
  return most;
}

bool collide(const MemoryRequest& a, std::size_t a_begin, const MemoryRequest& b,
             std::size_t b_begin) {
  const bool in_time = a.first_step <= b.last_step && b.first_step <= a.last_step;
  return in_time && a_begin < b_begin + b.bytes && b_begin < a_begin + a.bytes;
}

std::vector<MemoryRequest> random_requests(test::Random& random, int count, int steps) {
  std::vector<MemoryRequest> requests;
  for (int i = 0; i < count; ++i) {
    const int first = random.integer(0, steps - 1);
    const int last = std::min(steps - 1, first + random.integer(0, random.integer(0, steps)));
    const int bytes = random.integer(0, 9) == 0 ? 0 : random.integer(1, random.integer(1, 100000));
    requests.push_back({static_cast<std::size_t>(bytes), first, last});
  }
  return requests;
}

}  // namespace

TEST_CASE("plan_memory: a chain of steps needs two buffers", "[plan][cpu]") {
  const std::vector<MemoryRequest> requests{{100, 0, 1}, {100, 1, 2}, {100, 2, 3}, {100, 3, 4}};
  const MemoryPlan plan = plan_memory(requests);
  CHECK(plan.arena_bytes == 256);
  CHECK(plan.lower_bound_bytes == 256);
  CHECK(plan_memory({}).arena_bytes == 0);
}

TEST_CASE("plan_memory: what is live together never overlaps", "[plan][cpu]") {
  test::Random random(1);
  for (int round = 0; round < 300; ++round) {
    const int steps = random.integer(1, 40);
    const auto requests = random_requests(random, random.integer(1, 80), steps);
    const MemoryPlan plan = plan_memory(requests);
    INFO("round " << round);
    REQUIRE(plan.offsets.size() == requests.size());
    bool overlaps = false, misaligned = false, outside = false;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      misaligned |= plan.offsets[i] % kArenaAlignment != 0;
      outside |= plan.offsets[i] + requests[i].bytes > plan.arena_bytes;
      for (std::size_t j = 0; j < i; ++j) {
        overlaps |= collide(requests[i], plan.offsets[i], requests[j], plan.offsets[j]);
      }
    }
    CHECK_FALSE(overlaps);
    CHECK_FALSE(misaligned);
    CHECK_FALSE(outside);
    CHECK(plan.lower_bound_bytes == most_live(requests, steps));
    CHECK(plan.arena_bytes >= plan.lower_bound_bytes);
  }
}

}  // namespace nestor
