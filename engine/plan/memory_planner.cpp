#include "engine/plan/memory_planner.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace nestor {

namespace {

bool overlap_in_time(const MemoryRequest& a, const MemoryRequest& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

std::size_t lower_bound(std::span<const MemoryRequest> requests) {
  int steps = 0;
  for (const MemoryRequest& request : requests) steps = std::max(steps, request.last_step + 1);
  std::vector<std::size_t> live(static_cast<std::size_t>(steps), 0);
  for (const MemoryRequest& request : requests) {
    for (int step = request.first_step; step <= request.last_step; ++step) {
      live[static_cast<std::size_t>(step)] += arena_aligned(request.bytes);
    }
  }
  return live.empty() ? 0 : *std::ranges::max_element(live);
}

// Places requests in the given order, each in the tightest gap between those that are live with it.
MemoryPlan place(std::span<const MemoryRequest> requests, const std::vector<std::size_t>& order) {
  MemoryPlan plan;
  plan.offsets.assign(requests.size(), 0);
  std::vector<std::size_t> placed;
  for (const std::size_t idx : order) {
    std::vector<std::size_t> neighbours;
    for (const std::size_t other : placed) {
      if (overlap_in_time(requests[idx], requests[other])) neighbours.push_back(other);
    }
    std::ranges::sort(neighbours, {}, [&](std::size_t i) { return plan.offsets[i]; });
    const std::size_t bytes = arena_aligned(requests[idx].bytes);
    std::size_t end = 0;
    std::size_t best = std::numeric_limits<std::size_t>::max();
    std::size_t best_gap = std::numeric_limits<std::size_t>::max();
    for (const std::size_t other : neighbours) {
      const std::size_t begin = plan.offsets[other];
      if (begin >= end + bytes && begin - end < best_gap) {
        best = end;
        best_gap = begin - end;
      }
      end = std::max(end, begin + arena_aligned(requests[other].bytes));
    }
    plan.offsets[idx] = best == std::numeric_limits<std::size_t>::max() ? end : best;
    plan.arena_bytes = std::max(plan.arena_bytes, plan.offsets[idx] + bytes);
    placed.push_back(idx);
  }
  return plan;
}

}  // namespace

MemoryPlan plan_memory(std::span<const MemoryRequest> requests) {
  std::vector<std::size_t> by_size(requests.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::vector<std::size_t> by_time = by_size;
  std::ranges::stable_sort(by_size, std::ranges::greater{},
                           [&](std::size_t i) { return requests[i].bytes; });
  std::ranges::stable_sort(by_time, {}, [&](std::size_t i) { return requests[i].first_step; });
  std::vector<std::size_t> by_area(by_size);
  std::ranges::stable_sort(by_area, std::ranges::greater{}, [&](std::size_t i) {
    return requests[i].bytes *
           static_cast<std::size_t>(requests[i].last_step - requests[i].first_step + 1);
  });

  MemoryPlan best = place(requests, by_size);
  for (const auto& order : {by_time, by_area}) {
    MemoryPlan other = place(requests, order);
    if (other.arena_bytes < best.arena_bytes) best = std::move(other);
  }
  best.lower_bound_bytes = lower_bound(requests);
  return best;
}

}  // namespace nestor
