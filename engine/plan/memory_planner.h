#pragma once
// Where each buffer lies in the arena, from when it is live.

#include <cstddef>
#include <span>
#include <vector>

namespace nestor {

// Needed from the beginning of first_step to the end of last_step.
struct MemoryRequest {
  std::size_t bytes = 0;
  int first_step = 0;
  int last_step = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // one a request, multiples of kArenaAlignment
  std::size_t arena_bytes = 0;
  std::size_t lower_bound_bytes = 0;  // the largest sum of requests that are live at one step
};

inline constexpr std::size_t kArenaAlignment = 64;

// The next multiple of kArenaAlignment.
constexpr std::size_t arena_aligned(std::size_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

// Requests that are live at the same time never overlap. Several greedy orders are tried and the
// smallest arena is kept.
MemoryPlan plan_memory(std::span<const MemoryRequest> requests);

}  // namespace nestor
