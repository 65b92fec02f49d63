#pragma once
// Admission of plans: the one place that holds the memory that a plan needs against the limits that a
// session was given. Without limits, allocation alone decides (engine/memory_available.h).

#include <cstddef>
#include <string_view>

#include "engine/plan/planner.h"
#include "nestor/session.h"

namespace nestor {

// Bytes of the weights that the plan reads, each once, as elements of its precision. Packed ones may
// be larger: padded, or transformed.
std::size_t least_weight_bytes(const PlannedSteps& planned);

// Bytes that a session keeps a plan with: its outputs in the host's memory, and its steps (ResNeSt-269
// on a CPU: 8 KB a step, most of it code). The arena is one for all plans.
std::size_t kept_bytes(const Plan& plan);

// Throws kOutOfMemory, with the figures, if the plan and `weight_bytes` of weights need more than the
// limits allow. `on_device`: activations and weights lie in memory of the device's own, and only the
// outputs in the host's.
void require_within_limits(const Plan& plan, std::size_t weight_bytes, bool on_device,
                           const SessionOptions& options);

// The same for `bytes` of the host's memory, for `what`, that a caller takes beside the plan.
void require_beside_plan(std::size_t bytes, std::string_view what, const Plan& plan,
                         std::size_t weight_bytes, bool on_device, const SessionOptions& options);

}  // namespace nestor
